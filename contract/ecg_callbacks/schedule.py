"""When a failed callback is tried again. Pure: clock and randomness are parameters.

Progress soon becomes obsolete: 3 tries within 30 s for each callback, and none once they hold up the terminal callback
for `CATCH_UP` (docs/decisions/0076-three-tries-for-each-progress.md). A terminal callback is tried for 72 hours
(docs/decisions/0001-terminal-callbacks-outlive-three-tries.md).
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from ecg_callbacks.types import Due, Failure
from ecg_common.retry import delay_after
from ecg_contract.delivery_record import InHand

PROGRESS_TRIES = 3
PROGRESS_WINDOW = timedelta(seconds=30)
_PROGRESS_DELAYS = (timedelta(seconds=1), timedelta(seconds=4))
CATCH_UP = timedelta(seconds=5)
"""How long the progress that a job has left at its end may take altogether, from its first try on."""

TERMINAL_WINDOW = timedelta(hours=72)
_TERMINAL_DELAYS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 300, 900, 1800, 3600))
_JITTER = 0.2

LONGEST_RETRY_AFTER = timedelta(hours=1)


def next_try(
    due: Due, earlier: InHand | None, failure: Failure, now: datetime, random: Callable[[], float]
) -> InHand | None:
    """The state of a callback after a failed try; None when it is not tried again.

    `earlier` is its state before that try, if it had failed before. `random` gives floats in [0, 1).
    """
    tries = earlier.tries + 1 if earlier else 1
    first_try = earlier.first_try if earlier else due.at
    delay = max(_delay(due, tries, random), bounded(failure.retry_after))
    window = TERMINAL_WINDOW if due.is_terminal else PROGRESS_WINDOW
    if failure.is_final or now + delay > first_try + window or (not due.is_terminal and tries >= PROGRESS_TRIES):
        return None
    return InHand(
        status=due.status,
        progress=due.progress,
        tries=tries,
        first_try=first_try,
        next_try=now + delay,
        last_error=failure.error,
    )


def bounded(retry_after: timedelta | None) -> timedelta:
    """A backend's Retry-After, limited to an hour."""
    return min(max(retry_after or timedelta(0), timedelta(0)), LONGEST_RETRY_AFTER)


def _delay(due: Due, tries: int, random: Callable[[], float]) -> timedelta:
    """The pause after the `tries`-th failed try."""
    if not due.is_terminal:
        return delay_after(tries, _PROGRESS_DELAYS)
    return delay_after(tries, _TERMINAL_DELAYS) * (1 - _JITTER + 2 * _JITTER * random())
