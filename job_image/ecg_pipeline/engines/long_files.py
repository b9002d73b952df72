"""pyannote's diarization of files of hours: the same turns in less memory and time."""

from typing import Any

import numpy as np
import pyannote.audio.pipelines.clustering
import pyannote.audio.pipelines.speaker_diarization
from numpy.typing import NDArray
from pyannote.audio.utils.signal import binarize
from pyannote.core import SlidingWindow, SlidingWindowFeature
from scipy.spatial.distance import cdist

from ecg_pipeline.engines.linkage import linkage

_BLOCK = 256
"""Windows that are made binary at once."""
_POINTS = 4096
"""Embeddings whose distances are computed at once."""
_MOST_IN_FLOAT16 = 2048
"""Frames of a window that can be counted in float16 without rounding."""
_NOBODY = -2
"""pyannote's cluster of a speaker who is silent in a window."""


def for_long_files(pipeline: Any) -> None:
    """Have `pipeline`, a SpeakerDiarization, cluster and join windows in memory that grows with the file's length.

    For ten hours scipy's distances of all pairs of embeddings take more than 16 GB, pyannote's scores of all windows
    for all speakers a GB for each six of them, the thresholds of models without power sets 3 GB, and scipy's copies of
    the embeddings in double precision 0.4 GB.
    """
    pyannote.audio.pipelines.clustering.linkage = linkage
    pyannote.audio.pipelines.clustering.cdist = distances
    pyannote.audio.pipelines.speaker_diarization.binarize = in_blocks
    pipeline.reconstruct = reconstruct
    if pipeline._segmentation.model.specifications.powerset:  # its scores are 0 or 1 as they come
        scores = pipeline.get_segmentations
        pipeline.get_segmentations = lambda file, hook=None: in_half_the_memory(scores(file, hook=hook))


def in_half_the_memory(scores: SlidingWindowFeature) -> SlidingWindowFeature:
    """The same scores (windows, frames, speakers), each 0 or 1, in float16: pyannote copies them several times."""
    return SlidingWindowFeature(scores.data.astype(_type_of(scores.data.shape)), scores.sliding_window)


def _type_of(shape: tuple[int, ...]) -> type[np.floating[Any]]:
    return np.float16 if shape[1] <= _MOST_IN_FLOAT16 else np.float32


def in_blocks(scores: SlidingWindowFeature, **options: Any) -> SlidingWindowFeature:
    """As pyannote's `binarize`, of scores (windows, frames, speakers): 0.0 or 1.0, by thresholds with a memory."""
    found = np.empty(scores.data.shape, _type_of(scores.data.shape))
    for first in range(0, len(found), _BLOCK):
        block = SlidingWindowFeature(scores.data[first : first + _BLOCK], scores.sliding_window)
        found[first : first + _BLOCK] = binarize(block, **options).data
    return SlidingWindowFeature(found, scores.sliding_window)


def distances(points: NDArray[np.floating], others: NDArray[np.floating], metric: str) -> NDArray[np.float64]:
    """As scipy's `cdist` of points (n, dimensions) and a few others (m, dimensions): shape (n, m)."""
    found = np.empty((len(points), len(others)))
    for first in range(0, len(points), _POINTS):
        found[first : first + _POINTS] = cdist(points[first : first + _POINTS], others, metric=metric)
    return found


def reconstruct(
    segmentations: SlidingWindowFeature, hard_clusters: NDArray[np.int8], count: SlidingWindowFeature
) -> SlidingWindowFeature:
    """Who speaks in each frame, as SpeakerDiarization.reconstruct returns it: shape (frames, speakers), 0 or 1.

    `segmentations` has the shape (windows, frames of a window, local speakers), `hard_clusters`, with a local speaker's
    number among all, the shape (windows, local speakers); `count` is the number of speakers of each frame.
    """
    activations = _activations(segmentations, hard_clusters, count.sliding_window)
    missing = int(np.max(count.data)) - activations.data.shape[1]
    if missing > 0:
        activations.data = np.pad(activations.data, ((0, 0), (0, missing)))
    extent = activations.extent & count.extent
    activations, count = activations.crop(extent, return_data=False), count.crop(extent, return_data=False)
    most_active = np.argsort(-activations.data, axis=-1)  # (frames, speakers)
    frames = min(len(most_active), len(count.data))
    is_chosen = np.arange(most_active.shape[1]) < count.data[:frames]
    binary = np.zeros_like(activations.data)
    np.put_along_axis(binary[:frames], most_active[:frames], is_chosen.astype(binary.dtype), axis=1)
    return SlidingWindowFeature(binary, activations.sliding_window)


def _activations(
    segmentations: SlidingWindowFeature, hard_clusters: NDArray[np.int8], resolution: SlidingWindow
) -> SlidingWindowFeature:
    """The sum of each speaker's scores in all windows, shape (frames, speakers)."""
    windows = segmentations.sliding_window
    frames = SlidingWindow(start=windows.start, duration=resolution.duration, step=resolution.step)
    count, in_window, _ = segmentations.data.shape
    end = windows.start + windows.duration + (count - 1) * windows.step
    length = frames.closest_frame(end + 0.5 * frames.duration) + 1
    total = np.zeros((length, int(np.max(hard_clusters)) + 1), np.float32)
    for clusters, (window, scores) in zip(hard_clusters, segmentations, strict=False):
        first = frames.closest_frame(window.start + 0.5 * frames.duration)
        for cluster in set(clusters.tolist()) - {_NOBODY}:
            total[first : first + in_window, cluster] += scores[:, clusters == cluster].max(axis=1)
    return SlidingWindowFeature(total, frames)
