"""Assigns a speaker to each word.

For each speaker, the seconds spoken up to a time are a function of that time; a word's overlap with the speaker's turns
is the difference of that function between the word's end and start. So the work is (speakers x words) interpolations
instead of (words x turns) comparisons.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ecg_contract.result import SpeakerTurn

Times = npt.NDArray[np.float64]
FIRST = "SPEAKER_00"


def assign_speakers(starts: Times, ends: Times, turns: Sequence[SpeakerTurn]) -> list[str]:
    """The speaker of each word: the one whose turns overlap it most, else the nearest; SPEAKER_00 without turns.

    Speakers are numbered in the order of their first words in time.
    """
    if not turns:
        return [FIRST] * len(starts)
    by_speaker = _turns_by_speaker(turns)
    overlap = np.stack([_seconds_spoken(t, ends) - _seconds_spoken(t, starts) for t in by_speaker])  # (speakers, words)
    nearest = np.stack([_distance(t, (starts + ends) / 2) for t in by_speaker]).argmin(0)
    chosen = np.where(overlap.max(0) > 1e-9, overlap.argmax(0), nearest)
    order = list(dict.fromkeys(chosen[np.argsort(starts, kind="stable")].tolist()))
    return [f"SPEAKER_{order.index(speaker):02d}" for speaker in chosen.tolist()]


def majority(speakers: Sequence[str]) -> str:
    """The most frequent speaker, the first of equals; SPEAKER_00 for an empty sequence."""
    return Counter(speakers).most_common(1)[0][0] if speakers else FIRST


def _turns_by_speaker(turns: Sequence[SpeakerTurn]) -> list[Times]:
    """For each speaker an array (turns, 2) of starts and ends, sorted and without overlap."""
    names = dict.fromkeys(turn.speaker for turn in turns)
    return [_merged(sorted((t.start, t.end) for t in turns if t.speaker == name)) for name in names]


def _merged(spans: Sequence[tuple[float, float]]) -> Times:
    merged = [list(spans[0])]
    for start, end in spans[1:]:
        if start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return np.array(merged, dtype=np.float64)


def _seconds_spoken(turns: Times, at: Times) -> Times:
    """Seconds of `turns` before each time in `at`."""
    lengths = turns[:, 1] - turns[:, 0]
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    knots = np.repeat(before, 2)[1:-1]  # value at start and at end of each turn
    spoken: Times = np.interp(at, turns.ravel(), knots)
    return spoken


def _distance(turns: Times, at: Times) -> Times:
    """Seconds from each time in `at` to the nearest turn; 0 inside one."""
    following = np.searchsorted(turns[:, 0], at, side="right")
    after = np.append(turns[:, 0], np.inf)[following] - at
    since = at - np.insert(turns[:, 1], 0, -np.inf)[following]
    nearest: Times = np.minimum(np.maximum(since, 0.0), after)
    return nearest
