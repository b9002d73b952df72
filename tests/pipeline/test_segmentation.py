"""Scores of overlapping windows are pyannote's, though what the windows share is computed once."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pyannote.audio import Inference
from pyannote.audio.models.blocks.sincnet import SincNet
from whisperx.vads.pyannote import load_vad_model

from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.segmentation import OverlappingSincNet, speed_up
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE
from support.pipeline_process import ROOT
from support.sounds import noise, silence

FLOAT_ORDER = 1e-4


def _speech(seconds: float) -> NDArray[np.float32]:
    samples = decode(ROOT / "demo/samples/meeting_en.mp4", 60.0).samples
    return np.tile(samples, 4)[: round(seconds * SAMPLE_RATE)]


SOUNDS = {
    "half a minute": _speech(31.3),
    "whole windows": _speech(20.0),
    "shorter than a window": _speech(2.0),
    "one window": _speech(5.0),
    "very quiet": _speech(12.0) * np.float32(1e-4),
    "an offset": _speech(12.0) * np.float32(0.1) + np.float32(0.4),
    "silence, noise and speech": np.concatenate([silence(6), noise(6), _speech(8), silence(4)]),
}


@pytest.fixture(scope="module")
def stock() -> Inference:
    return load_vad_model("cpu")._segmentation


@pytest.fixture(scope="module")
def ours() -> Inference:
    inference = load_vad_model("cpu")._segmentation
    speed_up(inference, Cores(2))
    return inference


def _scores(inference: Inference, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = inference(
        {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE}
    ).data
    return found


@pytest.fixture(scope="module")
def exact() -> Inference:
    """pyannote's, in double precision."""
    inference = load_vad_model("cpu")._segmentation
    inference.model.double()

    def infer(windows: torch.Tensor) -> Any:
        with torch.inference_mode():
            return inference.model(windows.double()).numpy()

    inference.infer = infer
    return inference


@pytest.mark.parametrize("sound", SOUNDS)
def test_the_scores_are_pyannotes_but_for_rounding(
    exact: Inference, stock: Inference, ours: Inference, sound: str
) -> None:
    expected, theirs, found = (_scores(inference, SOUNDS[sound]) for inference in (exact, stock, ours))
    assert found.shape == theirs.shape
    rounding = float(np.abs(theirs - expected).max())
    np.testing.assert_allclose(found, expected, atol=2 * rounding + FLOAT_ORDER)
    assert rounding < 1e-3 or sound == "very quiet", "where pyannote's own scores are 0.02 from the exact ones"
    assert sound not in {"half a minute", "whole windows"} or np.ptp(expected) > 0.9


def test_filters_run_once_over_what_windows_share(ours: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    filtered: list[int] = []
    convolve = torch.nn.functional.conv1d

    def counted(sound: torch.Tensor, weight: torch.Tensor, *arguments: Any, **more: Any) -> torch.Tensor:
        if weight.shape[0] == 80:
            filtered.append(sound.numel())
        return convolve(sound, weight, *arguments, **more)

    monkeypatch.setattr(torch.nn.functional, "conv1d", counted)
    samples = SOUNDS["half a minute"]
    _scores(ours, samples)
    windows = len(samples) // (SAMPLE_RATE // 2)  # one of five seconds begins each half second
    assert windows > 60
    assert 1.0 <= sum(filtered) / len(samples) < 2.0, "each window alone would be ten times the sound"


def test_windows_that_are_no_views_of_one_sound_are_filtered_apart() -> None:
    torch.manual_seed(0)
    theirs = SincNet(stride=10).eval()
    windows = torch.randn(3, 1, 2 * SAMPLE_RATE)
    with torch.inference_mode():
        torch.testing.assert_close(OverlappingSincNet(theirs)(windows), theirs(windows), atol=1e-3, rtol=1e-3)


def test_a_gpu_s_inference_is_left_as_it_is(stock: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "device", torch.device("cuda"))
    size = stock.batch_size
    speed_up(stock, Cores(2))
    assert type(stock.model.sincnet) is SincNet
    assert stock.batch_size == size
