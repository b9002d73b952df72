"""Word times by whisperX's forced alignment (wav2vec2, CTC)."""

import math
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torchaudio
from whisperx.alignment import align, load_align_model

from ecg_pipeline.engines.punkt import provide_punkt
from ecg_pipeline.ports import AlignedWord, OnProgress, Samples, Sentence, Utterance

TORCHAUDIO_MODELS = frozenset(torchaudio.pipelines.__all__)
_SILENCE_S = 30.0
"""Longest time without a byte of a model of torchaudio, whose download has no limit of its own."""


class WhisperXAligner:
    """`name` is torchaudio's or a folder. Raises what the library raises."""

    def __init__(self, language: str, name: str, device: str, nltk_data: str | None) -> None:
        provide_punkt(language, nltk_data)
        with _real_errors(), _limited_silence(name):
            self._model, self._metadata = load_align_model(language, device, model_name=name)
        self._device = device

    def align(self, samples: Samples, utterances: Sequence[Utterance], on_progress: OnProgress) -> Sequence[Sentence]:
        found = align(
            [{"start": u.start, "end": u.end, "text": u.text} for u in utterances],
            self._model,
            self._metadata,
            samples,
            self._device,
            progress_callback=lambda percent: on_progress(percent / 100),
        )
        return [_sentence(segment) for segment in found["segments"]]


@contextmanager
def _real_errors() -> Iterator[None]:
    """Raises what whisperX hides behind "could not be found"."""
    try:
        yield
    except ValueError as error:
        raise (error.__context__ or error) from None


@contextmanager
def _limited_silence(name: str) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    if name in TORCHAUDIO_MODELS:
        socket.setdefaulttimeout(_SILENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _sentence(segment: Mapping[str, Any]) -> Sentence:
    words = [
        AlignedWord(w["word"], _number(w, "start"), _number(w, "end"), _number(w, "score")) for w in segment["words"]
    ]
    return Sentence(float(segment["start"]), float(segment["end"]), segment["text"], words)


def _number(word: Mapping[str, Any], name: str) -> float | None:
    """numpy's floats come in, NaN for what is missing."""
    value = word.get(name)
    return None if value is None or not math.isfinite(value) else float(value)
