"""How long to wait before a request is repeated: pauses that grow."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

Delay = TypeVar("Delay", float, timedelta)


def delay_after(failures: int, delays: Sequence[Delay]) -> Delay:
    """The pause after the `failures`-th failure in a row, from 1; the last of `delays` holds for all that follow."""
    return delays[min(failures, len(delays)) - 1]


def exponential_backoff(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row, from 1: `first`, doubled each time up to `longest`."""
    return min(first * 2.0 ** min(failures - 1, 100), longest)
