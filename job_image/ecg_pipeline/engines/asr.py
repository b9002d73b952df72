"""Batched transcription by whisperX (faster-whisper on CTranslate2)."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from whisperx.asr import load_model
from whisperx.audio import N_SAMPLES, log_mel_spectrogram

from ecg_pipeline.engines.vad import KnownRegions
from ecg_pipeline.ports import Chunk, OnProgress, Samples, Utterance, cut

_LANGUAGE_SAMPLES = 5


class WhisperXTranscriber:
    """`folder` holds a CTranslate2 model."""

    def __init__(self, folder: str, device: str, compute_type: str, threads: int) -> None:
        self._regions = KnownRegions()
        self._pipeline = load_model(
            folder,
            device,
            compute_type=compute_type,
            vad_model=self._regions,
            threads=threads,
        )
        self._model = self._pipeline.model

    def detect_language(self, samples: Samples, chunks: Sequence[Chunk]) -> str:
        """The most probable language, summed over several chunks from the whole audio, not only its first 30 s."""
        if not self._model.model.is_multilingual:
            return "en"
        mels = torch.stack([self._mel(cut(samples, chunk)) for chunk in spread(chunks, _LANGUAGE_SAMPLES)])
        totals: defaultdict[str, float] = defaultdict(float)
        for ranking in self._model.model.detect_language(self._model.encode(mels.numpy())):
            for token, probability in ranking:
                totals[token] += probability
        return max(totals, key=totals.__getitem__).strip("<|>")

    def transcribe(
        self, samples: Samples, chunks: Sequence[Chunk], language: str, batch_size: int, on_progress: OnProgress
    ) -> Sequence[Utterance]:
        self._regions.chunks = chunks
        found = self._pipeline.transcribe(
            samples,
            batch_size=batch_size,
            language=language,
            progress_callback=lambda percent: on_progress(percent / 100),
        )
        return [Utterance(s["start"], s["end"], s["text"]) for s in found["segments"]]

    def _mel(self, samples: Samples) -> torch.Tensor:
        """Shape (mels, 3000): up to 30 s, padded."""
        window = np.ascontiguousarray(samples[:N_SAMPLES])
        mels = self._model.feat_kwargs.get("feature_size") or 80
        spectrogram: torch.Tensor = log_mel_spectrogram(window, n_mels=mels, padding=N_SAMPLES - len(window))
        return spectrogram


def spread(chunks: Sequence[Chunk], count: int) -> list[Chunk]:
    """The longest chunk of each of `count` equal parts of the sequence."""
    edges = np.linspace(0, len(chunks), min(count, len(chunks)) + 1).astype(int)
    return [max(chunks[a:b], key=lambda c: c.end - c.start) for a, b in pairwise(edges)]
