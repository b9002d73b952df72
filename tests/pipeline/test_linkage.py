"""Clustering by centroids without the distances of all pairs: the same as scipy's."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from ecg_pipeline.engines import linkage as subject


def _points(count: int, dimensions: int, seed: int, centres: int = 5, spread: float = 0.3) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    around = random.normal(size=(centres, dimensions))
    points = around[random.integers(0, centres, count)] + spread * random.normal(size=(count, dimensions))
    single: NDArray[np.float32] = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return single


@pytest.mark.parametrize(("count", "dimensions"), [(2, 8), (3, 1), (40, 2), (700, 32), (1500, 256)])
def test_the_dendrogram_is_scipy_s(count: int, dimensions: int) -> None:
    points = _points(count, dimensions, seed=count)
    if dimensions == 1:
        points = np.linspace(0, 1, count, dtype=np.float32)[:, None] ** 2  # on a line, at different distances
    ours, theirs = subject.by_centroids(points), hierarchy.linkage(points, "centroid")
    np.testing.assert_array_equal(ours[:, [0, 1, 3]], theirs[:, [0, 1, 3]])
    np.testing.assert_allclose(ours[:, 2], theirs[:, 2], atol=1e-7)


@given(
    st.integers(2, 120),
    st.integers(1, 20),
    st.integers(0, 10**6),
    st.integers(1, 8),
    st.sampled_from([0.01, 0.1, 0.5]),
    st.sampled_from([0.3, 0.6, 0.8, 1.2]),
)
def test_flat_clusters_are_scipy_s(
    count: int, dimensions: int, seed: int, centres: int, spread: float, threshold: float
) -> None:
    points = _points(count, dimensions + 1, seed, centres, spread)
    ours, theirs = (
        hierarchy.fcluster(dendrogram, threshold, "distance")
        for dendrogram in (subject.by_centroids(points), hierarchy.linkage(points, "centroid"))
    )
    np.testing.assert_array_equal(ours, theirs)


def test_points_that_are_there_many_times_fall_into_the_same_clusters() -> None:
    """A file that repeats itself; the order of merges at the distance 0 is anybody's choice."""
    points = np.tile(_points(60, 16, seed=1), (9, 1))
    ours, theirs = (
        hierarchy.fcluster(dendrogram, 0.8, "distance")
        for dendrogram in (subject.by_centroids(points), hierarchy.linkage(points, "centroid"))
    )
    assert len(np.unique(ours)) > 1
    pairs = set(zip(ours.tolist(), theirs.tolist(), strict=True))
    assert len(pairs) == len(np.unique(ours)) == len(np.unique(theirs)), "the same groups, whatever their numbers"


def test_many_points_take_memory_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    points = _points(3000, 64, seed=2)
    monkeypatch.setattr(subject, "MOST_FOR_SCIPY", len(points) - 1)
    tracemalloc.start()
    dendrogram = subject.linkage(points)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6 < 8 * len(points) ** 2 / 2
    assert dendrogram[-1, 3] == len(points)


def test_few_points_and_other_methods_are_scipy_s_own() -> None:
    points = _points(20, 4, seed=3)
    for method in ("centroid", "average"):
        np.testing.assert_array_equal(subject.linkage(points, method), hierarchy.linkage(points, method))
