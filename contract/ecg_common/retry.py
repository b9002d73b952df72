"""How long to wait before a request is repeated: pauses that grow, and what a server's Retry-After asks for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

Delay = TypeVar("Delay", float, timedelta)


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        return max(parsedate_to_datetime(text).astimezone(UTC) - now, timedelta(0))
    except (ValueError, OverflowError):
        return None


def delay_after(failures: int, delays: Sequence[Delay]) -> Delay:
    """The pause after the `failures`-th failure in a row, from 1; the last of `delays` holds for all that follow."""
    return delays[min(failures, len(delays)) - 1]


def exponential_backoff(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row, from 1: `first`, doubled each time up to `longest`."""
    return min(first * 2.0 ** min(failures - 1, 100), longest)
