"""Gives times to the words that the aligner left without any."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from ecg_contract.spelling import WITHOUT_SPACES
from ecg_pipeline.ports import AlignedWord, Sentence, Utterance


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with 0 <= start <= end <= the audio's length."""

    text: str
    start: float
    end: float
    score: float = 0.0
    """The aligner's confidence; 0.0 where the times are interpolated."""


def unaligned(utterances: Sequence[Utterance]) -> list[Sentence]:
    """Utterances as sentences without words, where there is no aligner."""
    return [Sentence(u.start, u.end, u.text) for u in utterances]


def timed_words(sentence: Sentence, language: str, duration: float) -> list[TimedWord]:
    """The sentence's words; those without times share the gap between their neighbours by their lengths."""
    start, end = _span(sentence.start, sentence.end, duration)
    words = sentence.words or [AlignedWord(text) for text in split(sentence.text, language)]
    known = [_known(word, duration) for word in words]
    runs = [list(run) for _, run in groupby(range(len(words)), key=lambda i: known[i] is None)]
    timed: list[TimedWord] = []
    for run in runs:
        if known[run[0]] is None:
            first = timed[-1].end if timed else start
            following = known[run[-1] + 1] if run[-1] + 1 < len(words) else None
            timed += _shared([words[i].text for i in run], first, following.start if following else max(end, first))
        else:
            timed += [word for i in run if (word := known[i]) is not None]
    return timed


def split(text: str, language: str) -> list[str]:
    """Words at spaces; characters in the languages without spaces, as whisperX splits them."""
    return [c for c in text if not c.isspace()] if language in WITHOUT_SPACES else text.split()


def _known(word: AlignedWord, duration: float) -> TimedWord | None:
    if word.start is None or word.end is None:
        return None
    return TimedWord(word.text, *_span(word.start, word.end, duration), word.score or 0.0)


def _shared(texts: Sequence[str], start: float, end: float) -> list[TimedWord]:
    end = max(start, end)
    edges = list(accumulate((len(text) for text in texts), initial=0))
    times = [start + (end - start) * edge / edges[-1] for edge in edges[:-1]] + [end]
    return [TimedWord(text, times[i], times[i + 1]) for i, text in enumerate(texts)]


def _span(start: float, end: float, duration: float) -> tuple[float, float]:
    first = min(max(start, 0.0), duration)
    return first, min(max(end, first), duration)
