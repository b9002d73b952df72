"""Speaker turns by a pyannote pipeline. It gets the waveform, as it is five to ten times slower when given a path."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from pyannote.audio import Pipeline

from ecg_contract.result import SpeakerTurn
from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.long_files import for_long_files
from ecg_pipeline.engines.segmentation import speed_up
from ecg_pipeline.engines.window_embedding import with_one_pass_per_window
from ecg_pipeline.ports import SAMPLE_RATE, OnProgress, Samples, SpeakerCounts

_STEPS = {"segmentation": (0.0, 0.5), "embeddings": (0.5, 0.99)}
"""First and last share of the progress for each of pyannote's steps."""
_WINDOW_BYTES = 60 * 2**20
"""Memory that a window of ten seconds takes on a GPU in the embedding network, in float32."""


class PyannoteDiarizer:
    """`folder` holds the pipeline and, with `has_modules`, the Python modules that its checkpoints name.

    Raises RuntimeError when a part of the pipeline is missing.
    """

    def __init__(self, folder: str, device: str, cores: Cores, *, has_modules: bool = False) -> None:
        if has_modules:
            sys.path.append(str(Path(folder).resolve()))
        pipeline = Pipeline.from_pretrained(folder)
        if pipeline is None:
            raise RuntimeError("a part of the pipeline is not in the cache")
        self._pipeline = pipeline.to(torch.device(device))
        for_long_files(self._pipeline)
        speed_up(self._pipeline._segmentation, cores)
        with_one_pass_per_window(self._pipeline, cores)
        self._batch_sizes = (pipeline.segmentation_batch_size, pipeline.embedding_batch_size)

    def working_bytes(self) -> int:
        return max(map(int, self._batch_sizes)) * _WINDOW_BYTES

    def turns(
        self, samples: Samples, speakers: SpeakerCounts, batch_share: float, on_progress: OnProgress
    ) -> Sequence[SpeakerTurn]:
        """Turns without overlap: where two people speak at once, the one whom pyannote finds more likely."""
        segmentation, embedding = (max(1, int(size * batch_share)) for size in self._batch_sizes)
        self._pipeline.segmentation_batch_size = segmentation
        self._pipeline.embedding_batch_size = embedding
        audio = {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE}
        counts = {
            "num_speakers": speakers.exactly,
            "min_speakers": speakers.least,
            "max_speakers": speakers.most,
        }
        output = self._pipeline(audio, hook=_hook(on_progress), **counts)
        turns = output.exclusive_speaker_diarization.itertracks(yield_label=True)
        return [SpeakerTurn(float(turn.start), float(turn.end), str(speaker)) for turn, _, speaker in turns]


def _hook(on_progress: OnProgress) -> Callable[..., None]:
    def hook(
        step: str, artifact: Any, file: Any = None, total: int | None = None, completed: int | None = None
    ) -> None:
        if total and completed is not None:
            first, last = _STEPS.get(step, (0.99, 1.0))
            on_progress(first + min(completed / total, 1.0) * (last - first))

    return hook
