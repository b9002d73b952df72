"""Writes a result as SubRip, WebVTT, text or tab-separated values."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from ecg_contract.spelling import WITHOUT_SPACES
from ecg_contract.subtitles.layout import LINE_COLUMNS, SpokenWord, Words, cues_of, lines_of
from ecg_contract.subtitles.transcript import Transcript, TranscriptSegment


class TextFormat(StrEnum):
    """A format beside JSON; the value is the file's extension."""

    SRT = "srt"
    VTT = "vtt"
    TXT = "txt"
    TSV = "tsv"


MEDIA_TYPES = {
    TextFormat.SRT: "application/x-subrip",
    TextFormat.VTT: "text/vtt",
    TextFormat.TXT: "text/plain",
    TextFormat.TSV: "text/tab-separated-values",
}


class Cue(NamedTuple):
    """What is shown at once: times in seconds, the words of each line."""

    start: float
    end: float
    speaker: str
    lines: list[Words]


def write(transcript: Transcript, wanted: TextFormat) -> str:
    return _WRITERS[wanted](transcript)


def _srt(transcript: Transcript) -> str:
    """Each cue begins with its speaker's name."""
    space = _space(transcript)
    cues = enumerate(_cues(transcript, lambda speaker: min(len(f"{speaker}: "), LINE_COLUMNS // 2)), 1)
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{cue.speaker}: {_plain_lines(cue, space)}\n"
        for number, cue in cues
    )


def _vtt(transcript: Transcript) -> str:
    """Each cue is a voice span, and says when each word after the first begins."""
    space = _space(transcript)
    cues = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n<v {_escaped(cue.speaker)}>{_timed_lines(cue, space)}\n"
        for cue in _cues(transcript, lambda _: 0)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _txt(transcript: Transcript) -> str:
    """A line for each turn: the speaker, and what was said until another one speaks."""
    turns = groupby(transcript.segments, key=lambda segment: _line(segment.speaker.speaker_id))
    return "".join(f"{speaker}: {' '.join(_text(segment) for segment in own)}\n" for speaker, own in turns)


def _tsv(transcript: Transcript) -> str:
    """A line for each segment, times in milliseconds."""
    lines = (
        f"{_milliseconds(s.start_time)}\t{_milliseconds(s.end_time)}\t{_line(s.speaker.speaker_id)}\t{_text(s)}\n"
        for s in transcript.segments
    )
    return "".join(["start\tend\tspeaker\ttext\n", *lines])


_WRITERS: Mapping[TextFormat, Callable[[Transcript], str]] = {
    TextFormat.SRT: _srt,
    TextFormat.VTT: _vtt,
    TextFormat.TXT: _txt,
    TextFormat.TSV: _tsv,
}


def _cues(transcript: Transcript, indent_of: Callable[[str], int]) -> Iterator[Cue]:
    """In the order of their starts; those of speakers who speak at once overlap."""
    space, cues = _space(transcript), []
    for segment in transcript.segments:
        speaker = _line(segment.speaker.speaker_id)
        words = [SpokenWord(_line(w.word), w.start, w.end) for w in segment.words if w.word.strip()]
        for own in cues_of(words, space, indent_of(speaker)):
            end = max(own[-1].end, own[0].start + 0.001)
            cues.append(Cue(own[0].start, end, speaker, lines_of(own, space, indent_of(speaker))))
    yield from sorted(cues, key=lambda cue: (cue.start, cue.end))


def _plain_lines(cue: Cue, space: str) -> str:
    lines = (space.join(word.text for word in line) for line in cue.lines)
    return "\n".join(lines).replace("-->", "->")


def _timed_lines(cue: Cue, space: str) -> str:
    """Times inside a cue must lie inside it, and each after the one before."""
    before, lines = round(cue.start, 3), []
    for line in cue.lines:
        words = []
        for word in line:
            is_told = before < round(word.start, 3) < round(cue.end, 3)
            before = round(word.start, 3) if is_told else before
            words.append(f"<{_clock(word.start, '.')}>{_escaped(word.text)}" if is_told else _escaped(word.text))
        lines.append(space.join(words))
    return "\n".join(lines)


def _space(transcript: Transcript) -> str:
    return "" if transcript.language in WITHOUT_SPACES else " "


def _text(segment: TranscriptSegment) -> str:
    return _line(segment.text)


def _line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _clock(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(_milliseconds(seconds), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
