"""Batched transcription by whisperX's model (faster-whisper on CTranslate2)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import ctranslate2
import numpy as np
import torch
from faster_whisper.tokenizer import Tokenizer
from whisperx.asr import WhisperModel, load_model
from whisperx.audio import N_SAMPLES, log_mel_spectrogram

from ecg_pipeline.engines.cores import Cores, available_cores
from ecg_pipeline.ports import Chunk, OnProgress, Samples, SpeechHints, Utterance, cut

_LANGUAGE_SAMPLES = 5
_SHARE_OF_A_CHUNK = 1 / 8
"""Memory that a chunk takes on a GPU, as a share of the weights' file in float16. Its keys and values in the decoder's
layers alone are between a fiftieth (large-v3-turbo) and an eighth (base) of it, a twelfth with large-v3."""


class Encoded(NamedTuple):
    """The encoder's output of some chunks, in place of their features."""

    output: ctranslate2.StorageView
    shape: tuple[int, ...]


class Model(WhisperModel):  # type: ignore[misc]  # whisperx ships no types
    """A model that encodes nothing twice."""

    def encode(self, features: Any) -> ctranslate2.StorageView:
        """The encoder's output of features (chunks, mels, 3000); of `Encoded` its own."""
        return features.output if isinstance(features, Encoded) else super().encode(features)


class WhisperXTranscriber:
    """`folder` holds a CTranslate2 model."""

    def __init__(self, folder: str, device: str, compute_type: str, cores: Cores) -> None:
        self._cores = cores
        self._weights = Path(folder) / "model.bin"
        self._model = Model(
            folder,
            device=device,
            compute_type=compute_type,
            cpu_threads=1,
            num_workers=available_cores() if device == "cpu" else 1,  # as many batches at a time; they share weights
        )
        self._is_on_cpu = device == "cpu"
        # whisperX's options for decoding; the VAD is never called, but one that is missing would be loaded
        self._options = load_model(folder, device, model=self._model, vad_model=object()).options
        self._encoded: dict[Chunk, np.ndarray] = {}
        """Output (1, frames, width) of chunks that the language was detected in."""

    def detect_language(self, samples: Samples, chunks: Sequence[Chunk]) -> str:
        """The most probable language, summed over several chunks from the whole audio, not only its first 30 s."""
        if not self._model.model.is_multilingual:
            return "en"
        asked = spread(chunks, _LANGUAGE_SAMPLES)
        encoded = list(self._cores.map(lambda c: self._model.encode(self._mels(samples, [c])), asked))
        if self._is_on_cpu:  # on a GPU encoding takes less time than copying
            self._encoded = {chunk: np.array(output) for chunk, output in zip(asked, encoded, strict=True)}
        totals: defaultdict[str, float] = defaultdict(float)
        for output in encoded:
            for token, probability in self._model.model.detect_language(output)[0]:
                totals[token] += probability
        return max(totals, key=totals.__getitem__).strip("<|>")

    def transcribe(
        self, samples: Samples, chunks: Sequence[Chunk], hints: SpeechHints, batch_size: int, on_progress: OnProgress
    ) -> Sequence[Utterance]:
        """One utterance per chunk. On the CPU, `batch_size` chunks are worked on at a time in one batch per core."""
        model = self._model
        is_multilingual = model.model.is_multilingual
        tokenizer = Tokenizer(model.hf_tokenizer, is_multilingual, task="transcribe", language=hints.language)
        options = replace(self._options, hotwords=hints.vocabulary or None)
        encoded, self._encoded = self._encoded, {}

        def texts(batch: Sequence[Chunk]) -> Sequence[str]:
            known = [encoded[chunk] for chunk in batch if chunk in encoded]
            features = _joined(known) if known else self._mels(samples, batch)
            found = model.generate_segment_batched(features, tokenizer, options)
            said: Sequence[str] = found["text"]
            return said

        size = max(1, batch_size // self._cores.count) if self._is_on_cpu else batch_size
        batches = [
            same[first : first + size]
            for same in ([c for c in chunks if c in encoded], [c for c in chunks if c not in encoded])
            for first in range(0, len(same), size)
        ]
        said: dict[Chunk, str] = {}
        for batch, found in zip(batches, self._cores.map(texts, batches), strict=True):
            said.update(zip(batch, found, strict=True))
            on_progress(len(said) / len(chunks))
        return [Utterance(round(chunk.start, 3), round(chunk.end, 3), said[chunk]) for chunk in chunks]

    def working_bytes(self, batch_size: int) -> int:
        return int(self._weights.stat().st_size * _SHARE_OF_A_CHUNK * batch_size)

    def _mels(self, samples: Samples, chunks: Sequence[Chunk]) -> np.ndarray:
        """Shape (chunks, mels, 3000): up to 30 s each, padded."""
        mels = self._model.feat_kwargs.get("feature_size") or 80
        windows = [np.ascontiguousarray(cut(samples, chunk)[:N_SAMPLES]) for chunk in chunks]
        found = [log_mel_spectrogram(window, n_mels=mels, padding=N_SAMPLES - len(window)) for window in windows]
        return torch.stack(found).numpy()


def _joined(outputs: Sequence[np.ndarray]) -> Encoded:
    joined = np.concatenate(outputs)
    return Encoded(ctranslate2.StorageView.from_array(joined), joined.shape)


def spread(chunks: Sequence[Chunk], count: int) -> list[Chunk]:
    """The longest chunk of each of `count` equal parts of the sequence."""
    edges = np.linspace(0, len(chunks), min(count, len(chunks)) + 1).astype(int)
    return [max(chunks[a:b], key=lambda c: c.end - c.start) for a, b in pairwise(edges)]
