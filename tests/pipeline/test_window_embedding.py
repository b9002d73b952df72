"""One pass of the embedding network per window gives what pyannote gets with one per window and speaker."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pyannote.audio import Pipeline
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.core import SlidingWindow, SlidingWindowFeature

from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.window_embedding import WindowEmbeddings, frames_of, with_one_pass_per_window
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE
from support.hub_models import DIARIZATION, hub_models
from support.pipeline_process import ROOT

CORES = Cores(2)
WINDOW_S, STEP_S, FRAMES = 3, 1, 176
DEMO = ROOT / "demo/models/diarization"
Span = tuple[int, int]


@pytest.fixture(scope="module")
def pipeline() -> Any:
    """The default pipeline, with a tiny network of the real one's class."""
    return Pipeline.from_pretrained(str(hub_models() / DIARIZATION))


def _scene(*windows: Sequence[Sequence[Span]]) -> tuple[dict[str, Any], SlidingWindowFeature]:
    """Noise, and scores: for each window the spans of frames in which each of three speakers speaks."""
    samples = (WINDOW_S + (len(windows) - 1) * STEP_S) * SAMPLE_RATE - 1000  # the last window ends beyond the file
    noise = torch.randn(1, samples, generator=torch.Generator().manual_seed(0)) * 0.1
    scores = np.zeros((len(windows), FRAMES, 3), np.float32)
    for window, speakers in enumerate(windows):
        for speaker, spans in enumerate(speakers):
            for start, end in spans:
                scores[window, start:end, speaker] = 1.0
    sliding = SlidingWindow(start=0.0, duration=float(WINDOW_S), step=float(STEP_S))
    return {"waveform": noise, "sample_rate": SAMPLE_RATE}, SlidingWindowFeature(scores, sliding)


ALL = [(0, FRAMES)]
SCENES = {
    "three speakers at once": _scene([[(0, 90)], [(60, 150)], ALL]),
    "speakers who are silent": _scene([[], ALL, []], [[(10, 40)], [], []]),
    "a window without speech": _scene([[], [], []], [ALL, [(5, 60)], []]),
    "nothing but silence": _scene([[], [], []], [[], [], []]),
    "short spans and many windows": _scene(*[[[(9 * n, 9 * n + n)], [(0, 9), (100, 160)], ALL] for n in range(7)]),
    "alone for a moment": _scene([[(0, 3), (50, 170)], [(50, 170)], []]),
}


@pytest.mark.parametrize("exclude_overlap", [True, False])
@pytest.mark.parametrize("scene", SCENES)
def test_the_embeddings_are_pyannotes(pipeline: Any, scene: str, exclude_overlap: bool) -> None:
    file, scores = SCENES[scene]
    expected = SpeakerDiarization.get_embeddings(pipeline, file, scores, exclude_overlap)
    found = WindowEmbeddings(pipeline, CORES)(file, scores, exclude_overlap)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert scene == "nothing but silence" or np.ptp(found, axis=(0, 1)).max() > 1e-3, "all embeddings are alike"


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_in_batches_they_are_the_same(pipeline: Any, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    file, scores = SCENES["short spans and many windows"]
    expected = WindowEmbeddings(pipeline, CORES)(file, scores, True)
    monkeypatch.setattr(WindowEmbeddings, "_windows_a_task", lambda _: size)
    np.testing.assert_allclose(WindowEmbeddings(pipeline, CORES)(file, scores, True), expected, atol=1e-5)


@pytest.mark.parametrize(("scene", "passes"), [("speakers who are silent", 2), ("a window without speech", 1)])
def test_the_network_runs_once_for_each_window_with_speech(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch, scene: str, passes: int
) -> None:
    file, scores = SCENES[scene]
    embeddings = WindowEmbeddings(pipeline, CORES)
    seen = _counted(pipeline, monkeypatch)
    embeddings(file, scores)
    embeddings(file, scores)
    assert seen == [1] * (1 + 2 * passes), "one for the empty mask, then each window alone, as it is on the CPU"


def _counted(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of windows in each pass from now on."""
    seen: list[int] = []
    model = pipeline._embedding.model_
    run = model.forward_frames

    def counted(windows: torch.Tensor) -> torch.Tensor:
        seen.append(len(windows))
        frames: torch.Tensor = run(windows)
        return frames

    monkeypatch.setattr(model, "forward_frames", counted)
    return seen


def test_in_half_precision_loud_sound_gives_the_same_embedding(pipeline: Any) -> None:
    model = pipeline._embedding.model_
    loud = torch.sin(torch.arange(2 * SAMPLE_RATE) * 0.3)[None, None] * 0.99
    with torch.inference_mode():
        halved, whole = (frames_of(model, loud, in_half=in_half) for in_half in (True, False))
        embeddings = [model.forward_embedding(frames, weights=None) for frames in (halved, whole)]
    assert halved.dtype == whole.dtype == torch.float32
    assert not torch.equal(halved, whole), "both were computed in float32"
    assert float(torch.cosine_similarity(*embeddings)) > 0.9999


def test_a_network_of_another_kind_is_not_computed_in_half_precision() -> None:
    class Network:
        def forward_frames(self, windows: torch.Tensor) -> torch.Tensor:
            assert not torch.is_autocast_enabled("cpu")
            return windows * 2

    assert torch.equal(frames_of(Network(), torch.ones(1, 1, 5), in_half=True), torch.full((1, 1, 5), 2.0))


def test_progress_counts_windows(pipeline: Any) -> None:
    file, scores = SCENES["short spans and many windows"]
    seen: list[tuple[str, int, int]] = []
    WindowEmbeddings(pipeline, CORES)(
        file, scores, hook=lambda step, _, total, completed: seen.append((step, completed, total))
    )
    assert seen == [("embeddings", 0, 7), ("embeddings", 7, 7)]


def _turns(pipeline: Any, samples: Any) -> list[tuple[float, float, str]]:
    found = pipeline({"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE})
    turns = found.exclusive_speaker_diarization.itertracks(yield_label=True)
    return [(turn.start, turn.end, speaker) for turn, _, speaker in turns]


@pytest.mark.parametrize("sample", ["meeting_en", "meeting_ko"])
def test_turns_are_equal(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DEMO)
    samples = decode(ROOT / f"demo/samples/{sample}.mp4", 60.0).samples
    stock, ours = (Pipeline.from_pretrained(str(DEMO)) for _ in range(2))
    assert with_one_pass_per_window(ours, CORES)
    expected = _turns(stock, samples)
    assert _turns(ours, samples) == expected
    assert len({speaker for _, _, speaker in expected}) == 2


def test_a_model_of_another_shape_is_left_to_pyannote() -> None:
    class Embedding:
        """Has no model of pyannote's."""

    class Other:
        _embedding = Embedding()
        get_embeddings = "as it was"

    other = Other()
    assert not with_one_pass_per_window(other, CORES)
    assert other.get_embeddings == "as it was"


def test_a_short_file_and_one_without_speech_are_diarized_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DEMO)
    stock, ours = (Pipeline.from_pretrained(str(DEMO)) for _ in range(2))
    with_one_pass_per_window(ours, CORES)
    speech = decode(ROOT / "demo/samples/meeting_en.mp4", 60.0).samples[: 4 * SAMPLE_RATE]
    for samples in (speech, np.zeros(4 * SAMPLE_RATE, np.float32)):
        assert _turns(ours, samples) == _turns(stock, samples)
