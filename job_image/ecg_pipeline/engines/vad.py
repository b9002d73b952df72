"""Speech regions by whisperX's pyannote VAD, whose checkpoint is part of its package."""

from collections.abc import Sequence
from typing import Any

import torch
from whisperx.vads.pyannote import Pyannote

from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.segmentation import speed_up
from ecg_pipeline.ports import SAMPLE_RATE, Chunk, Samples

ONSET, OFFSET = 0.500, 0.363
"""whisperX's own thresholds on the speech probability."""
SHORTEST_CHUNK_S = 0.1
"""A shorter chunk contains no word: Whisper invents a sentence for it, and an aligner may fail on it."""


class PyannoteVoiceActivity:
    """Finds speech regions and merges them into chunks of at most `chunk_size` seconds."""

    def __init__(self, device: str, chunk_size: float, cores: Cores) -> None:
        self._vad = Pyannote(torch.device(device), vad_onset=ONSET, vad_offset=OFFSET)
        speed_up(self._vad.vad_pipeline._segmentation, cores)
        self._chunk_size = chunk_size

    def find(self, samples: Samples) -> Sequence[Chunk]:
        scores = self._vad({"waveform": self._vad.preprocess_audio(samples), "sample_rate": SAMPLE_RATE})
        merged = self._vad.merge_chunks(scores, self._chunk_size, onset=ONSET, offset=OFFSET)
        return [chunk for chunk in map(_chunk, merged) if chunk.end - chunk.start >= SHORTEST_CHUNK_S]


def _chunk(merged: dict[str, Any]) -> Chunk:
    regions = tuple((float(start), float(end)) for start, end in merged["segments"])
    return Chunk(float(merged["start"]), float(merged["end"]), regions)
