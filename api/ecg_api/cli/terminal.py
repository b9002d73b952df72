"""Terminal output: progress, transcript, error messages. Imports only the standard library, to start fast."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

_WIDTH = 28


def say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


class Working:
    """Says on a terminal what is being worked on, until something else is written."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def show(self, what: str) -> None:
        self._write(f"\r{what} ...\x1b[K")

    def done(self) -> None:
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self._stream.isatty():
            self._stream.write(text)
            self._stream.flush()


class Progress:
    """A progress bar on a terminal; a line for each new message elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._last = ""

    def show(self, percent: float, message: str) -> None:
        if self._is_terminal:
            self._write(f"\r{_bar(percent)} {percent:3.0f}%  {message}\x1b[K")
        elif message != self._last:
            self._write(f"{percent:3.0f}%  {message}\n")
        self._last = message

    def done(self) -> None:
        """End the line of the bar."""
        if self._is_terminal and self._last:
            self._write("\n")
            self._last = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _bar(percent: float) -> str:
    full = round(max(0.0, min(percent, 100.0)) / 100 * _WIDTH)
    return "█" * full + "░" * (_WIDTH - full)


def transcript(result: Mapping[str, Any]) -> Iterator[str]:
    """The wire's `result` as lines: `[00:01.50 - 00:03.20] SPEAKER_00: 안녕하세요`, and a summary."""
    for segment in result["segments"]:
        span = f"{_clock(segment['start_time'])} - {_clock(segment['end_time'])}"
        mood = f" ({segment['emotion']['label']})" if segment.get("emotion") else ""
        yield f"[{span}] {segment['speaker']['speaker_id']}{mood}: {segment['text'].strip()}"
    if not result["segments"]:
        yield "(no speech)"
    speakers = len(result["speakers"])
    words = len(result["word_segments"])
    model = result["metadata"]["model_version"]
    yield f"-- {_clock(result['duration'])} of {result['language']}, {speakers} speaker(s), {words} words, by {model}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:05.2f}" if hours else f"{minutes:02}:{rest:05.2f}"
