"""Sentences and words from the times of characters, by the rules of `whisperx.alignment.align` 3.8."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from ecg_pipeline.ports import AlignedWord, Sentence


class CharacterTime(NamedTuple):
    """Times in seconds, and the probability 0..1."""

    start: float
    end: float
    score: float


Character = tuple[str, CharacterTime | None]
"""A character, and its time where it has one."""


def aligned_sentences(
    text: str, times: Sequence[CharacterTime | None], spans: Sequence[tuple[int, int]], *, spaced: bool
) -> list[Sentence]:
    """The sentences of `text` in the order of their times; those with the same times are joined.

    `times` has one entry per character and at least one that is not None, `spans` the first character of each sentence
    and the one behind its last. Without `spaced`, as in Japanese, each character is a word. Words and sentences without
    times get those of the nearest ones.
    """
    words = _word_numbers(text, spaced=spaced)
    found = [_sentence(text, times, words, span) for span in spans]
    starts, ends = nearest([s.start for s in found]), nearest([s.end for s in found])
    timed = [s._replace(start=a, end=b) for s, a, b in zip(found, starts, ends, strict=True)]
    return [_joined(list(same), spaced=spaced) for _, same in groupby(sorted(timed, key=_times), key=_times)]


def nearest(values: Sequence[float]) -> list[float]:
    """`values` with each NaN replaced by the value nearest in the list, the earlier one of two; all NaN: unchanged."""
    known = [i for i, value in enumerate(values) if not math.isnan(value)]
    if not known:
        return list(values)
    return [values[min(known, key=lambda k: (abs(k - i), k))] if math.isnan(v) else v for i, v in enumerate(values)]


class _Found(NamedTuple):
    """A sentence whose times may be NaN."""

    start: float
    end: float
    text: str
    words: list[AlignedWord]


def _times(sentence: _Found) -> tuple[float, float]:
    return sentence.start, sentence.end


def _joined(same: Sequence[_Found], *, spaced: bool) -> Sentence:
    text = (" " if spaced else "").join(s.text for s in same)
    return Sentence(same[0].start, same[0].end, text, [word for s in same for word in s.words])


def _word_numbers(text: str, *, spaced: bool) -> Sequence[int]:
    """The number of the word that each character belongs to; a space belongs to the word behind it."""
    if not spaced:
        return range(len(text))
    numbers, number = [], 0
    for following in [*text[1:], " "]:
        numbers.append(number)
        number += following == " "
    return numbers


def _sentence(text: str, times: Sequence[CharacterTime | None], words: Sequence[int], span: tuple[int, int]) -> _Found:
    start, stop = span[0], min(span[1] + 1, len(text))  # whisperX counts the character behind a sentence in
    characters = list(zip(text[start:stop], times[start:stop], strict=True))
    by_word = groupby(zip(words[start:stop], characters, strict=True), key=lambda entry: entry[0])
    found = [word for _, entries in by_word if (word := _word([c for _, c in entries])) is not None]
    return _Found(
        min((time.start for _, time in characters if time), default=math.nan),
        max((time.end for char, time in characters if time and char != " "), default=math.nan),
        text[span[0] : span[1]],
        _all_timed(found),
    )


def _word(characters: Sequence[Character]) -> AlignedWord | None:
    """None for a word that is only spaces."""
    text = "".join(char for char, _ in characters).strip()
    times = [time for char, time in characters if char != " "]
    known = [time for time in times if time]
    if not text or not known:
        return AlignedWord(text) if text else None
    total = np.sum([time.score if time else 0.0 for time in times])
    score = float(round(total / len(known), 3))
    return AlignedWord(text, min(time.start for time in known), max(time.end for time in known), score)


def _all_timed(words: list[AlignedWord]) -> list[AlignedWord]:
    """Words without times get those of the nearest word; all of them without: unchanged."""
    known = [math.nan if word.start is None else float(i) for i, word in enumerate(words)]
    if not any(map(math.isnan, known)) or all(map(math.isnan, known)):
        return words
    return [
        word if word.start is not None else AlignedWord(word.text, words[int(i)].start, words[int(i)].end)
        for word, i in zip(words, nearest(known), strict=True)
    ]
