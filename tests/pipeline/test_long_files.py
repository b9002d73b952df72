"""Joining windows, and the diarization of a long file: the same as pyannote's own."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pyannote.audio import Pipeline
from pyannote.audio.pipelines import SpeakerDiarization
from pyannote.audio.utils.signal import binarize
from pyannote.core import SlidingWindow, SlidingWindowFeature
from scipy.spatial.distance import cdist

from ecg_pipeline.engines import linkage
from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.engines.diarization import PyannoteDiarizer
from ecg_pipeline.engines.long_files import distances, for_long_files, in_blocks, in_half_the_memory, reconstruct
from ecg_pipeline.media.decode import decode
from ecg_pipeline.ports import SAMPLE_RATE, SpeakerCounts
from support.hub_models import DIARIZATION, hub_models
from support.pipeline_process import ROOT

_WINDOW, _LOCAL = SlidingWindow(start=0.0, duration=5.0, step=0.5), 3
_FRAME = SlidingWindow(start=0.0, duration=0.0619375, step=0.016875)
_FRAMES = 293


class _Stock:
    """What pyannote's method needs of its pipeline."""

    to_diarization = staticmethod(SpeakerDiarization.to_diarization)


def _scene(windows: int, speakers: int, seed: int, *, is_soft: bool) -> tuple[Any, Any, Any]:
    """Scores of windows, the local speakers' numbers, and the number of speakers of each frame."""
    random = np.random.default_rng(seed)
    scores = random.random((windows, _FRAMES, _LOCAL)).astype(np.float32)
    scores = scores if is_soft else (scores < 0.4).astype(np.float32)
    everybody = max(speakers, _LOCAL)
    clusters = np.stack([random.permutation(everybody)[:_LOCAL] for _ in range(windows)]).astype(np.int8)
    clusters[clusters >= speakers] = -2
    clusters[0, 0] = 0  # somebody speaks
    binary = SlidingWindowFeature(scores.round(), _WINDOW)
    count = SpeakerDiarization.speaker_count(binary, _FRAME, warm_up=(0.0, 0.0))
    return SlidingWindowFeature(scores, _WINDOW), clusters, count


@given(st.integers(1, 30), st.integers(1, 20), st.integers(0, 10**6), st.booleans())
def test_windows_are_joined_as_pyannote_joins_them(windows: int, speakers: int, seed: int, is_soft: bool) -> None:
    scores, clusters, count = _scene(windows, speakers, seed, is_soft=is_soft)
    theirs = SpeakerDiarization.reconstruct(_Stock, scores, clusters, count)
    ours = reconstruct(scores, clusters, count)
    np.testing.assert_array_equal(ours.data, theirs.data)
    assert ours.data.sum() > 0
    assert vars(ours.sliding_window) == vars(theirs.sliding_window)


@pytest.mark.parametrize("windows", [1, 255, 256, 257, 600])
@pytest.mark.parametrize("options", [{"onset": 0.5, "initial_state": False}, {"onset": 0.6, "offset": 0.3}])
def test_thresholds_are_pyannotes(windows: int, options: dict[str, Any]) -> None:
    scores, _, _ = _scene(windows, 3, windows, is_soft=True)
    ours, theirs = in_blocks(scores, **options), binarize(scores, **options)
    np.testing.assert_array_equal(ours.data, theirs.data)
    assert 0 < np.count_nonzero(ours.data) < ours.data.size


@pytest.mark.parametrize(("frames", "kind"), [(589, np.float16), (2048, np.float16), (2049, np.float32)])
def test_scores_take_half_the_memory_where_their_sums_are_exact(frames: int, kind: type) -> None:
    ones = SlidingWindowFeature(np.ones((2, frames, 3), np.float32), _WINDOW)
    for found in (in_half_the_memory(ones), in_blocks(ones, onset=0.5, initial_state=False)):
        assert found.data.dtype == kind
        assert np.all(np.sum(found.data, axis=1) == frames)


@pytest.mark.parametrize("points", [0, 1, 4095, 4096, 4097, 9000])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distances_are_scipys(points: int, metric: str) -> None:
    random = np.random.default_rng(points)
    embeddings, centroids = random.normal(size=(points, 64)).astype(np.float32), random.normal(size=(3, 64))
    found, expected = distances(embeddings, centroids, metric=metric), cdist(embeddings, centroids, metric=metric)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.argmin(axis=1), expected.argmin(axis=1))


def test_a_model_of_power_sets_finds_the_same_turns() -> None:
    samples = decode(ROOT / "demo/samples/meeting_en.mp4", 60).samples
    stock, ours = (Pipeline.from_pretrained(str(hub_models() / DIARIZATION)) for _ in range(2))
    for_long_files(ours)
    file = {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE}
    expected, found = (
        list(pipeline(file).speaker_diarization.itertracks(yield_label=True)) for pipeline in (stock, ours)
    )
    assert found == expected != []
    assert ours.get_segmentations(file).data.dtype == np.float16


def test_two_local_speakers_in_one_cluster_count_once() -> None:
    scores, clusters, count = _scene(5, 3, 0, is_soft=True)
    clusters[:] = 1
    theirs = SpeakerDiarization.reconstruct(_Stock, scores, clusters, count)
    np.testing.assert_array_equal(reconstruct(scores, clusters, count).data, theirs.data)


@pytest.mark.parametrize(
    ("counts", "speakers"),
    [(SpeakerCounts(), 2), (SpeakerCounts(exactly=1), 1), (SpeakerCounts(most=1), 1), (SpeakerCounts(least=3), 3)],
)
def test_as_many_speakers_are_found_as_are_known(counts: SpeakerCounts, speakers: int) -> None:
    samples = decode(ROOT / "demo/samples/meeting_en.mp4", 60).samples
    diarizer = PyannoteDiarizer(str(ROOT / "demo/models/diarization"), "cpu", Cores(2), has_modules=True)
    assert len({turn.speaker for turn in diarizer.turns(samples, counts, 1.0, lambda _: None)}) == speakers


def test_turns_are_the_same_with_the_clustering_of_long_files(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(ROOT / "demo/models/diarization")
    samples = decode(ROOT / "demo/samples/meeting_en.mp4", 60).samples
    diarizer = PyannoteDiarizer(folder, "cpu", Cores(1), has_modules=True)
    expected = diarizer.turns(samples, SpeakerCounts(), 1.0, lambda _: None)
    calls = []

    def lean(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        return by_centroids(*arguments, **more)

    by_centroids = linkage.by_centroids
    monkeypatch.setattr(linkage, "MOST_FOR_SCIPY", 0)
    monkeypatch.setattr(linkage, "by_centroids", lean)
    assert diarizer.turns(samples, SpeakerCounts(), 1.0, lambda _: None) == expected
    assert len(calls) == 1
    assert isinstance(diarizer._pipeline, Pipeline)
    assert len({turn.speaker for turn in expected}) == 2
