"""Hierarchical clustering by centroids in memory that grows with the points, not with their pairs.

scipy holds the distances of all pairs, twice: 16 bytes for each, 13 GB for the 40,000 embeddings of a conversation of
five hours. Here each cluster knows its nearest neighbour, or a lower bound of the distance to it (the generic
algorithm of Müllner, "Modern hierarchical, agglomerative clustering algorithms", 2011). Neighbours are searched in
single precision, by one product of a matrix and a vector; distances that may be the least are computed in double.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from ecg_pipeline.memory import return_freed_memory

Floats = NDArray[np.float64]

MOST_FOR_SCIPY = 4000
"""Points up to which scipy is used, which takes 0.3 GB for them."""
_ROUNDING = 4e-5
"""Largest error of a squared distance in single precision, for points of length one."""
_ROWS = 32
"""Points whose distances to all are held at once, in five copies."""
_FEW = 256
"""Live clusters for which the arrays are not made smaller any more."""
_FULLEST = 0.75
"""Share of live clusters below which the dead ones are taken out of the arrays."""


def linkage(points: NDArray[np.floating], method: str = "centroid", metric: str = "euclidean") -> Floats:
    """As scipy.cluster.hierarchy.linkage: `points` (n, dimensions); returns shape (n - 1, 4).

    Merges at equal distances may come in another order than scipy's.
    """
    if method != "centroid" or metric != "euclidean" or len(points) <= MOST_FOR_SCIPY:
        dendrogram: Floats = hierarchy.linkage(points, method=method, metric=metric)
        return dendrogram
    return_freed_memory()  # of what pyannote computed the points from
    return by_centroids(points)


def by_centroids(points: NDArray[np.floating]) -> Floats:
    """`linkage` of two or more points by centroids and euclidean distances."""
    clusters = _Clusters(points.astype(np.float64))
    merges = np.empty((len(points) - 1, 4))
    for number in range(len(merges)):
        merges[number] = clusters.merge_nearest(len(points) + number)
    return merges


class _Clusters:
    """Live clusters in slots; a dead slot's bound is infinite."""

    def __init__(self, points: Floats) -> None:
        count = len(points)
        self._centroids, self._singles = points, points.astype(np.float32)
        self._norms = np.square(self._singles).sum(axis=1)
        self._error = np.float32(_ROUNDING * max(1.0, float(self._norms.max())))
        self._ids, self._sizes = np.arange(count), np.ones(count)
        self._neighbours = np.zeros(count, np.intp)
        self._bounds = np.empty(count)
        """Squared distance to the nearest neighbour; a lower bound of it where `_outdated`."""
        self._outdated = np.zeros(count, bool)
        self._live = count
        for first in range(0, count, _ROWS):
            self._find_first_neighbours(slice(first, min(first + _ROWS, count)))

    def merge_nearest(self, new_id: int) -> tuple[float, float, float, float]:
        """Merge the two nearest clusters: their ids, their distance, and the size of the merged one."""
        slot = self._nearest()
        other, distance = int(self._neighbours[slot]), float(np.sqrt(self._bounds[slot]))
        low, high = sorted((float(self._ids[slot]), float(self._ids[other])))
        self._merge(slot, other, new_id)
        merged = (low, high, distance, float(self._sizes[slot]))
        self._compact()
        return merged

    def _nearest(self) -> int:
        """The slot of the cluster whose neighbour is the nearest of all."""
        while True:
            slot = int(self._bounds.argmin())
            if not self._outdated[slot]:
                return slot
            self._find_neighbour(slot, self._lower_bounds(slot))

    def _merge(self, slot: int, other: int, new_id: int) -> None:
        sizes = self._sizes
        total = sizes[slot] + sizes[other]
        self._centroids[slot] = (sizes[slot] * self._centroids[slot] + sizes[other] * self._centroids[other]) / total
        self._singles[slot] = self._centroids[slot]
        self._norms[slot] = np.square(self._singles[slot]).sum()
        sizes[slot], self._ids[slot] = total, new_id
        self._kill(other)
        self._outdated |= (self._neighbours == slot) | (self._neighbours == other)
        if self._live == 1:
            return
        lower = self._lower_bounds(slot)
        self._find_neighbour(slot, lower)
        self._offer(slot, np.flatnonzero(lower < self._bounds))

    def _kill(self, slot: int) -> None:
        self._bounds[slot], self._outdated[slot] = np.inf, False
        self._norms[slot] = np.inf
        self._live -= 1

    def _offer(self, slot: int, others: NDArray[np.intp]) -> None:
        """Make `slot` the neighbour of those of the `others` that have none as near."""
        distances = self._distances(slot, others)
        nearer = distances < self._bounds[others]
        chosen = others[nearer]
        self._bounds[chosen], self._neighbours[chosen], self._outdated[chosen] = distances[nearer], slot, False

    def _find_neighbour(self, slot: int, lower: NDArray[np.float32]) -> None:
        """The neighbour among all, by lower bounds of the squared distances to them."""
        first = int(lower.argmin())
        nearest = self._distances(slot, np.array([first]))[0]
        others = np.flatnonzero(lower <= nearest)
        distances = self._distances(slot, others)
        best = int(distances.argmin())
        self._neighbours[slot], self._bounds[slot] = others[best], distances[best]
        self._outdated[slot] = False

    def _find_first_neighbours(self, rows: slice) -> None:
        products = self._singles[rows] @ self._singles.T
        lower = self._norms[rows, None] + self._norms[None] - 2 * products - self._error
        for slot, bounds in enumerate(lower, rows.start):
            bounds[slot] = np.inf
            self._find_neighbour(slot, bounds)

    def _lower_bounds(self, slot: int) -> NDArray[np.float32]:
        """Of the squared distances to all; infinite for the slot itself and for dead ones."""
        lower: NDArray[np.float32] = self._singles @ (-2 * self._singles[slot])
        lower += self._norms
        lower += self._norms[slot] - self._error
        lower[slot] = np.inf
        return lower

    def _distances(self, slot: int, others: NDArray[np.intp]) -> Floats:
        """Squared."""
        squared: Floats = np.square(self._centroids[others] - self._centroids[slot]).sum(axis=1)
        return squared

    def _compact(self) -> None:
        """Take the dead out when they are many."""
        if self._live > _FULLEST * len(self._ids) or self._live < _FEW:
            return
        live = np.isfinite(self._norms)
        places = np.cumsum(live) - 1
        for name in ("_centroids", "_singles", "_norms", "_ids", "_sizes", "_bounds", "_outdated", "_neighbours"):
            setattr(self, name, getattr(self, name)[live])
        self._neighbours = places[self._neighbours]
