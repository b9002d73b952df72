"""Accuracy of a transcript: word error rate, speakers, start times."""

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class ScoredWord:
    """A word, recognized or from the reference; `start` in seconds."""

    text: str
    start: float
    speaker: str


@dataclass(frozen=True)
class Score:
    """Counts over one or more recordings; add them up."""

    words: int = 0
    errors: int = 0
    matched: int = 0
    right_speaker: int = 0
    start_errors: tuple[float, ...] = ()

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.words + other.words,
            self.errors + other.errors,
            self.matched + other.matched,
            self.right_speaker + other.right_speaker,
            self.start_errors + other.start_errors,
        )

    @property
    def word_error_rate(self) -> float:
        return self.errors / self.words

    @property
    def right_speaker_rate(self) -> float:
        return self.right_speaker / self.matched

    @property
    def median_start_error(self) -> float:
        return median(self.start_errors)


def score(said: Sequence[ScoredWord], heard: Sequence[ScoredWord]) -> Score:
    """Compare a transcript with its reference; speakers are matched by the best one-to-one naming."""
    left, right = [_plain(w.text) for w in said], [_plain(w.text) for w in heard]
    errors, pairs = _aligned(left, right)
    matched = [(said[i], heard[j]) for i, j in pairs]
    return Score(
        words=len(said),
        errors=errors,
        matched=len(matched),
        right_speaker=_best_naming([(a.speaker, b.speaker) for a, b in matched]),
        start_errors=tuple(abs(a.start - b.start) for a, b in matched),
    )


def _plain(word: str) -> str:
    kept = (c for c in unicodedata.normalize("NFC", word).lower() if c.isalnum())
    return "".join(kept)


def _aligned(said: Sequence[str], heard: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """Levenshtein distance over words, and the pairs of equal words on its path."""
    rows = [list(range(len(heard) + 1))]
    for i, word in enumerate(said, 1):
        row = [i]
        for j, other in enumerate(heard, 1):
            row.append(min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (word != other)))
        rows.append(row)
    return rows[-1][-1], _path(rows, said, heard)


def _path(rows: list[list[int]], said: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    i, j, pairs = len(said), len(heard), list[tuple[int, int]]()
    while i and j:
        same = said[i - 1] == heard[j - 1]
        if rows[i][j] == rows[i - 1][j - 1] + (not same):
            pairs += [(i - 1, j - 1)] if same else []
            i, j = i - 1, j - 1
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def _best_naming(pairs: Sequence[tuple[str, str]]) -> int:
    said, heard = sorted({a for a, _ in pairs}), sorted({b for _, b in pairs})
    names = [*said, *[""] * max(0, len(heard) - len(said))]
    namings = (dict(zip(heard, order, strict=False)) for order in itertools.permutations(names, len(heard)))
    return max((sum(naming.get(b) == a for a, b in pairs) for naming in namings), default=0)
