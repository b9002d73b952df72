"""Times: the system clock, and the text of a time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
Monotonic = Callable[[], float]
"""Seconds of a clock that nobody sets, such as `time.monotonic`."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(time: datetime, timespec: str = "seconds") -> str:
    """In UTC as Kubernetes writes it, such as `2026-01-01T00:00:00Z`; `timespec` as in `datetime.isoformat`."""
    return time.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
