"""The most probable path of a text's characters through CTC emissions, compiled.

The lattice is the one of whisperX 3.8 (`whisperx.alignment.get_trellis` and `backtrack`): a frame either repeats the
current character, at the price of a blank, or begins the next one; the path starts at any frame and ends in the frame
where the last character scores best.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Emissions = NDArray[np.float32]
"""Shape (frames, tokens), logarithms of probabilities."""


class CharacterPath(NamedTuple):
    """For each character, arrays of shape (characters,)."""

    starts: NDArray[np.int64]
    """First frame."""
    ends: NDArray[np.int64]
    """The frame after the last one."""
    scores: NDArray[np.float64]
    """Mean probability, 0..1, of what was read in the frames."""


def best_path(emissions: Emissions, tokens: NDArray[np.int64], blank: int) -> CharacterPath | None:
    """The path of `tokens` (characters,) through `emissions`; None where the frames do not suffice for it."""
    frames = len(emissions)
    before_first = np.zeros(frames + 1, np.float32)
    before_first[1:] = np.cumsum(emissions[:, blank], dtype=np.float64)
    before_first[-len(tokens) :] = np.inf  # too late to begin: what is left suffices only for one frame a character
    begins, last = _lattice(emissions, tokens, blank, before_first)
    starts, ends = np.zeros((2, len(tokens)), np.int64)
    scores = np.zeros(len(tokens))
    if not _trace(emissions, tokens, blank, begins, last, starts, ends, scores):
        return None
    return CharacterPath(starts, ends, scores)


@numba.njit(cache=True, nogil=True)
def _lattice(emissions, tokens, blank, before_first):  # type: ignore[no-untyped-def]
    """Whether each character (columns) begins in a frame (rows), and the row where the last one scores best."""
    frames, characters = len(emissions), len(tokens)
    begins = np.zeros((frames + 1, characters + 1), np.bool_)
    scores = np.full(characters + 1, np.float32(-np.inf))
    scores[0] = before_first[0]
    best, last = np.float32(-np.inf), 0
    for frame in range(frames):
        for i in range(characters, 0, -1):
            stays = scores[i] + emissions[frame, blank]
            changes = scores[i - 1] + emissions[frame, tokens[i - 1]]
            begins[frame + 1, i] = changes > stays
            scores[i] = max(stays, changes)
        scores[0] = before_first[frame + 1]
        if scores[characters] > best:
            best, last = scores[characters], frame + 1
    return begins, last


@numba.njit(cache=True, nogil=True)
def _trace(emissions, tokens, blank, begins, last, starts, ends, scores):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917
    """Fill in the path that ends in row `last`; False where it does not reach the first character."""
    i = len(tokens)
    total, count, end = 0.0, 0, last
    for row in range(last, 0, -1):
        is_begin = begins[row, i]
        total += np.exp(emissions[row - 1, tokens[i - 1] if is_begin else blank])
        count += 1
        if is_begin:
            starts[i - 1], ends[i - 1], scores[i - 1] = row - 1, end, total / count
            i -= 1
            total, count, end = 0.0, 0, row - 1
            if i == 0:
                return True
    return False


def warm_up() -> None:
    """Compile, or read what was compiled before."""
    best_path(np.zeros((2, 2), np.float32), np.ones(1, np.int64), 0)
