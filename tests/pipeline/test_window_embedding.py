"""One pass of the embedding network per window gives what pyannote gets with one per window and speaker."""

from typing import Any

import numpy as np
import pytest
import torch
from pyannote.audio import Pipeline
from pyannote.audio.models.embedding import WeSpeakerResNet34
from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding

from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.window_embedding import WindowEmbedding, with_one_pass_per_window
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE
from support.hub_models import DIARIZATION, hub_models
from support.pipeline_process import ROOT

CORES = Cores(2)
WINDOW_S, FRAMES = 3, 180
DEMO = ROOT / "demo/models/diarization"


@pytest.fixture(scope="module")
def wespeaker() -> Any:
    torch.manual_seed(0)
    model = WeSpeakerResNet34()
    model.build()
    return model.eval()


def _windows(*kinds: int) -> torch.Tensor:
    """A window of noise for each number, equal ones for equal numbers; (windows, 1, samples)."""
    noise = [torch.randn(1, WINDOW_S * SAMPLE_RATE, generator=torch.Generator().manual_seed(kind)) for kind in kinds]
    return torch.stack(noise) * 0.1


def _mask(*spans: tuple[int, int]) -> torch.Tensor:
    mask = torch.zeros(FRAMES)
    for start, end in spans:
        mask[start:end] = 1.0
    return mask


EMPTY, FULL = _mask(), _mask((0, FRAMES))
BATCHES = {
    "one window, three speakers": ((1, 1, 1), (_mask((0, 90)), _mask((60, 150)), FULL)),
    "speakers who are silent": ((1, 1, 1, 2, 2, 2), (EMPTY, FULL, EMPTY, _mask((10, 40)), EMPTY, EMPTY)),
    "a window without speech": ((1, 1, 1, 2, 2, 2), (EMPTY, EMPTY, EMPTY, FULL, _mask((5, 60)), EMPTY)),
    "nothing but silence": ((1, 1, 1), (EMPTY, EMPTY, EMPTY)),
    "part of a window": ((1, 2, 2, 2, 3), (FULL, _mask((0, 9), (100, 160)), FULL, _mask((50, 51)), FULL)),
    "two windows of the same sound": ((4, 4, 4, 4, 4, 4), (FULL, EMPTY, _mask((0, 70)), _mask((0, 30)), FULL, EMPTY)),
}


@pytest.mark.parametrize("batch", BATCHES)
def test_the_embeddings_are_pyannotes(wespeaker: Any, batch: str) -> None:
    kinds, masks = BATCHES[batch]
    waveforms, stacked = _windows(*kinds), torch.stack(masks)
    expected = PyannoteAudioPretrainedSpeakerEmbedding(wespeaker)(waveforms, masks=stacked)
    found = WindowEmbedding(wespeaker, cores=CORES)(waveforms, masks=stacked)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert batch == "nothing but silence" or np.ptp(found, axis=0).max() > 1e-3, "all embeddings are alike"


@pytest.mark.parametrize(("batch", "passes"), [("speakers who are silent", 2), ("a window without speech", 1)])
def test_the_network_runs_once_for_each_window_with_speech(
    wespeaker: Any, monkeypatch: pytest.MonkeyPatch, batch: str, passes: int
) -> None:
    seen: list[int] = []
    run = wespeaker.forward_frames

    def counted(waveforms: torch.Tensor) -> torch.Tensor:
        seen.append(len(waveforms))
        frames: torch.Tensor = run(waveforms)
        return frames

    monkeypatch.setattr(wespeaker, "forward_frames", counted)
    embedding = WindowEmbedding(wespeaker, cores=CORES)
    kinds, masks = BATCHES[batch]
    embedding(_windows(*kinds), masks=torch.stack(masks))
    embedding(_windows(*kinds), masks=torch.stack(masks))
    assert seen == [1] * (1 + 2 * passes), "one for the empty mask, then each window alone, as it is on the CPU"


def _turns(pipeline: Any, samples: Any) -> list[tuple[float, float, str]]:
    found = pipeline({"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE})
    turns = found.exclusive_speaker_diarization.itertracks(yield_label=True)
    return [(turn.start, turn.end, speaker) for turn, _, speaker in turns]


@pytest.mark.parametrize("sample", ["meeting_en", "meeting_ko"])
def test_turns_are_equal(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DEMO)
    samples = decode(ROOT / f"demo/samples/{sample}.mp4", 60.0).samples
    stock, ours = (Pipeline.from_pretrained(str(DEMO)) for _ in range(2))
    ours.embedding_batch_size *= with_one_pass_per_window(ours, CORES)
    assert type(ours._embedding) is WindowEmbedding
    expected = _turns(stock, samples)
    assert _turns(ours, samples) == expected
    assert len({speaker for _, _, speaker in expected}) == 2


def test_the_default_pipeline_has_three_speakers_a_window() -> None:
    pipeline = Pipeline.from_pretrained(str(hub_models() / DIARIZATION))
    assert with_one_pass_per_window(pipeline, CORES) == 3
    assert type(pipeline._embedding) is WindowEmbedding


def test_a_model_of_another_shape_is_left_to_pyannote() -> None:
    class Embedding:
        """Has no model of pyannote's."""

    class Other:
        _embedding = Embedding()

    other = Other()
    assert with_one_pass_per_window(other, CORES) == 1
    assert type(other._embedding) is Embedding


def test_a_short_file_and_one_without_speech_are_diarized_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DEMO)
    stock, ours = (Pipeline.from_pretrained(str(DEMO)) for _ in range(2))
    with_one_pass_per_window(ours, CORES)
    speech = decode(ROOT / "demo/samples/meeting_en.mp4", 60.0).samples[: 4 * SAMPLE_RATE]
    for samples in (speech, np.zeros(4 * SAMPLE_RATE, np.float32)):
        assert _turns(ours, samples) == _turns(stock, samples)
