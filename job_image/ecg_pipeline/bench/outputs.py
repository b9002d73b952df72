"""Compares what two runs recognized."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple


class HeardWord(NamedTuple):
    """Times in seconds; None where the program found none."""

    text: str
    start: float | None
    end: float | None
    speaker: str | None


@dataclass(frozen=True)
class Difference:
    """Of a second output from a first one."""

    words: int
    """Words of the first."""
    other_words: int
    """Words of either that the other lacks there."""
    other_speakers: int
    """Equal words with another speaker, speakers matched in the order in which they begin to speak."""
    seconds_apart: float
    """Largest distance between the times of equal words."""

    @property
    def is_none(self) -> bool:
        return not (self.other_words or self.other_speakers or self.seconds_apart)

    def __str__(self) -> str:
        if self.is_none:
            return f"{self.words} words, times and speakers equal"
        words = "words equal" if not self.other_words else f"{self.other_words} of {self.words} words differ"
        return (
            f"{words}, times at most {self.seconds_apart * 1000:.0f} ms apart, "
            f"{self.other_speakers} words with another speaker"
        )


def words_of(result: Mapping[str, Any]) -> Sequence[HeardWord]:
    """The words of a result of this project."""
    return [HeardWord(w["word"], w["start_time"], w["end_time"], w["speaker_id"]) for w in result["word_segments"]]


def words_of_whisperx(result: Mapping[str, Any]) -> Sequence[HeardWord]:
    """The words of the JSON that `whisperx` writes."""
    return [HeardWord(w["word"], w.get("start"), w.get("end"), w.get("speaker")) for w in result["word_segments"]]


def difference(first: Sequence[HeardWord], second: Sequence[HeardWord]) -> Difference:
    equal = list(_equal_pairs(first, second))
    apart = [abs(a - b) for one, other in equal for a, b in _both_times(one, other)]
    return Difference(
        words=len(first),
        other_words=max(len(first), len(second)) - len(equal),
        other_speakers=_other_speakers(equal),
        seconds_apart=max(apart, default=0.0),
    )


def _equal_pairs(first: Sequence[HeardWord], second: Sequence[HeardWord]) -> Iterator[tuple[HeardWord, HeardWord]]:
    matcher = SequenceMatcher(None, [w.text for w in first], [w.text for w in second], autojunk=False)
    for block in matcher.get_matching_blocks():
        yield from zip(first[block.a : block.a + block.size], second[block.b : block.b + block.size], strict=True)


def _both_times(one: HeardWord, other: HeardWord) -> Iterator[tuple[float, float]]:
    for a, b in ((one.start, other.start), (one.end, other.end)):
        if a is not None and b is not None:
            yield a, b


def _other_speakers(pairs: Sequence[tuple[HeardWord, HeardWord]]) -> int:
    """Words without a speaker in either output are left out."""
    known = [(one.speaker, other.speaker) for one, other in pairs if one.speaker and other.speaker]
    numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
    return sum(
        numbers[0].setdefault(one, len(numbers[0])) != numbers[1].setdefault(other, len(numbers[1]))
        for one, other in known
    )
