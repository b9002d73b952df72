"""Diarization with the default models' true shapes (random weights): one pass of the embedding network per window,
compared with pyannote's own one per window and speaker, on a minute of speech."""

import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio import Pipeline

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ecg_pipeline.engines.cores import Cores, available_cores
from ecg_pipeline.engines.segmentation import speed_up
from ecg_pipeline.engines.window_embedding import with_one_pass_per_window
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE
from support.hub_models import DIARIZATION, TRUE, hub_models
from support.pipeline_process import ROOT

SECONDS = 60
RUNS = 3


class Timed:
    """A pipeline, and what it has spent on embeddings."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline, self._embed = pipeline, pipeline.get_embeddings
        self.embedding_s = 0.0
        self.embeddings: NDArray[np.float32] = np.empty(0, np.float32)
        pipeline.get_embeddings = self._get_embeddings

    def run(self, audio: dict[str, Any]) -> tuple[float, list[tuple[float, float, str]]]:
        """Wall time in seconds, and the turns."""
        began = time.perf_counter()
        found = self._pipeline(audio).exclusive_speaker_diarization
        wall = time.perf_counter() - began
        return wall, [(turn.start, turn.end, speaker) for turn, _, speaker in found.itertracks(yield_label=True)]

    def _get_embeddings(self, *arguments: Any, **more: Any) -> Any:
        began = time.perf_counter()
        self.embeddings = self._embed(*arguments, **more)
        self.embedding_s = time.perf_counter() - began
        return self.embeddings


def main() -> None:
    warnings.filterwarnings("ignore")
    folder = str(hub_models(TRUE) / DIARIZATION)
    theirs, ours = Timed(Pipeline.from_pretrained(folder)), Timed(_ours(folder))
    samples = decode(ROOT / "demo/samples/meeting_en.mp4", 60.0).samples
    speech = np.tile(samples, 1 + SECONDS * SAMPLE_RATE // len(samples))[: SECONDS * SAMPLE_RATE]
    audio = {"waveform": torch.from_numpy(speech)[None], "sample_rate": SAMPLE_RATE}
    walls, embedding = [], []
    for _ in range(RUNS):
        (their_wall, their_turns), (our_wall, our_turns) = theirs.run(audio), ours.run(audio)
        assert our_turns == their_turns, "the turns differ"
        walls.append((their_wall, our_wall))
        embedding.append((theirs.embedding_s, ours.embedding_s))
    far = float(np.nanmax(np.abs(ours.embeddings - theirs.embeddings)))
    print(f"{SECONDS} s of speech, {len(our_turns)} turns, equal; embeddings at most {far:.0e} apart; median of {RUNS}")
    _say("diarization", walls, "before: 1; goal: at most 0.35")
    _say("of it embeddings", embedding, "before: 1; goal: at most 0.40")


def _ours(folder: str) -> Any:
    pipeline, cores = Pipeline.from_pretrained(folder), Cores(available_cores())
    speed_up(pipeline._segmentation, cores)
    with_one_pass_per_window(pipeline, cores)
    return pipeline


def _say(what: str, pairs: list[tuple[float, float]], goal: str) -> None:
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{what}: pyannote {theirs:.1f} s, one pass per window {ours:.1f} s; ratio {ratio:.2f} ({goal})")


if __name__ == "__main__":
    main()
