"""Word times by whisperX's forced alignment (wav2vec2, CTC)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from whisperx.alignment import align, load_align_model

from ecg_pipeline.engines.punkt import provide_punkt
from ecg_pipeline.ports import AlignedWord, OnProgress, Samples, Sentence, Utterance


class WhisperXAligner:
    """`name` is torchaudio's, the hub's or a folder. Raises ValueError when there is no such model."""

    def __init__(self, language: str, name: str, device: str, nltk_data: str | None) -> None:
        provide_punkt(language, nltk_data)
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


def _sentence(segment: Mapping[str, Any]) -> Sentence:
    words = [
        AlignedWord(w["word"], _number(w, "start"), _number(w, "end"), _number(w, "score")) for w in segment["words"]
    ]
    return Sentence(float(segment["start"]), float(segment["end"]), segment["text"], words)


def _number(word: Mapping[str, Any], name: str) -> float | None:
    """numpy's floats come in, NaN for what is missing."""
    value = word.get(name)
    return None if value is None or not math.isfinite(value) else float(value)
