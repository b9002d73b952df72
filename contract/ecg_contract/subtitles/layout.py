"""Breaks the words of a segment into cues, and a cue into lines.

As subtitles are usually made: at most two lines of 42 columns, at most 7 s, and a break rather at punctuation and at
pauses. A character of Korean, Chinese or Japanese is two columns wide, so a line holds 21 of them.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINE_COLUMNS = 42
LINES = 2
LONGEST_S = 7.0
PAUSE_S = 1.5
"""A pause between words after which a new cue begins."""
_ENDS = tuple(".,;:!?…。、，！？；：")


class SpokenWord(NamedTuple):
    """Times in seconds."""

    text: str
    start: float
    end: float


Words = Sequence[SpokenWord]


def columns(text: str) -> int:
    """How wide the text is, in columns of half an em."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def cues_of(words: Words, space: str, indent: int) -> Iterator[Words]:
    """The words of each cue. `space` stands between words; `indent` columns of a cue's first line are taken."""
    rest = [piece for word in words for piece in _pieces(word, LINE_COLUMNS - indent)]
    while rest:
        count = _fitting(rest, space, indent)
        if count < len(rest):
            count = _best_end(rest, count)
        yield rest[:count]
        rest = rest[count:]


def lines_of(words: Words, space: str, indent: int) -> list[Words]:
    """The words of each line of a cue; the lines are about as long as one another."""
    if _width(words, space) + indent <= LINE_COLUMNS:
        return [words]
    breaks = [n for n in range(1, len(words)) if _width(words[n:], space) <= LINE_COLUMNS]
    best = min(breaks or [len(words)], key=lambda n: max(_width(words[:n], space) + indent, _width(words[n:], space)))
    return [words[:best], words[best:]] if best < len(words) else [words]


def _width(words: Words, space: str) -> int:
    return sum(columns(word.text) for word in words) + len(space) * max(0, len(words) - 1)


def _fitting(words: Words, space: str, indent: int) -> int:
    """How many of the words are one cue at most; at least one."""
    line, used = 1, indent
    for number, word in enumerate(words):
        begins_line = used == (indent if line == 1 else 0)
        needed = columns(word.text) + (0 if begins_line else len(space))
        if used + needed > LINE_COLUMNS:
            line, used, needed = line + 1, 0, columns(word.text)
        is_late = word.end - words[0].start > LONGEST_S
        is_apart = number > 0 and word.start - words[number - 1].end > PAUSE_S
        if number > 0 and (line > LINES or is_late or is_apart):
            return number
        used += needed
    return len(words)


def _best_end(words: Words, most: int) -> int:
    """Where to end a cue of at most `most` words: after punctuation in its second half, else at `most`."""
    if words[most].start - words[most - 1].end > PAUSE_S:
        return most
    ends = [n for n in range(most, most // 2, -1) if words[n - 1].text.endswith(_ENDS)]
    return ends[0] if ends else most


def _pieces(word: SpokenWord, width: int) -> Iterator[SpokenWord]:
    """The word, cut where it is longer than a line; its pieces share its time by their lengths."""
    text, start = word.text, word.start
    while columns(text) > width:
        count = next(n for n in range(len(text), 0, -1) if columns(text[:n]) <= width or n == 1)
        end = start + (word.end - start) * count / len(text)
        yield SpokenWord(text[:count], start, end)
        text, start = text[count:], end
    yield SpokenWord(text, start, word.end)
