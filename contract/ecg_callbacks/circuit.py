"""The circuit breaker of one callback origin, in memory only: slots, whether it answers, and what is sent to probe it.

An origin (scheme, host and port) counts as down until it first acknowledges, and again after three failures in a row.
While it is down and at least two terminal callbacks wait for it, one of them is sent every 20 s ahead of its schedule,
each at most once between two scheduled tries. When it acknowledges again, every terminal callback that was last tried
before that is sent at once.
"""

import asyncio
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from ecg_callbacks.ports import Pending

PROGRESS_SLOTS = 8
TERMINAL_SLOTS = 16
PROBE_EVERY = timedelta(seconds=20)
_FAILURES = 3


class Reason(Enum):
    """Why a job's callback is looked at."""

    DUE = auto()
    PROBE = auto()
    """Its origin is down and may answer again."""
    RETURNED = auto()
    """Its origin answers again."""


@dataclass(frozen=True, slots=True)
class Start:
    """A job whose callback is to be sent now."""

    key: str
    reason: Reason


class OriginState:
    """Whether an origin answers. A turn numbers the events of one origin in their order."""

    def __init__(self) -> None:
        self._failures = 0
        self._up_since = 0
        """The turn of the last return."""
        self.is_up = False
        self.last_try: datetime | None = None

    def acknowledged(self, turn: int, now: datetime) -> None:
        self.last_try = now
        self._failures = 0
        if not self.is_up:
            self.is_up = True
            self._up_since = turn

    def failed(self, began: int, now: datetime) -> None:
        """Count the failure of a try that began in turn `began`, unless that was before the last return."""
        self.last_try = now
        if self.has_returned_since(began):
            return
        self._failures += 1
        if self._failures >= _FAILURES:
            self.is_up = False

    def has_returned_since(self, began: int) -> bool:
        """Whether the origin answers now and was down in turn `began`."""
        return self.is_up and began < self._up_since


class Circuit:
    """One origin. A slow one occupies its own slots only, and progress callbacks none of the terminal ones'."""

    def __init__(self) -> None:
        self._slots = {False: asyncio.Semaphore(PROGRESS_SLOTS), True: asyncio.Semaphore(TERMINAL_SLOTS)}
        self._state = OriginState()
        self._turns = itertools.count(1)
        self._tried: dict[str, int] = {}
        """Turn in which a waiting job's last try began; absent for a try before a restart."""
        self._probed: dict[str, datetime] = {}
        """Scheduled try of a job that has been sent ahead of it as a probe."""

    @property
    def is_up(self) -> bool:
        return self._state.is_up

    def slot(self, *, terminal: bool) -> asyncio.Semaphore:
        return self._slots[terminal]

    def begin(self, key: str) -> int:
        """Register the start of a try; returns its turn."""
        turn = self._tried[key] = next(self._turns)
        return turn

    def acknowledged(self, now: datetime) -> bool:
        """Register an acknowledgement; returns whether the origin was down until now."""
        was_up = self.is_up
        self._state.acknowledged(next(self._turns), now)
        return not was_up

    def failed(self, began: int, now: datetime) -> None:
        """Register the failure of the try that began in turn `began`."""
        self._state.failed(began, now)

    def early(self, waiting: Sequence[Pending], now: datetime) -> tuple[list[Start], datetime | None]:
        """What to send ahead of schedule of the terminal callbacks that wait, and when to look again."""
        returned = [job for job in waiting if self._state.has_returned_since(self._tried.get(job.key, 0))]
        for job in returned:
            self.begin(job.key)  # once a return, also where a Retry-After forbids the try
        starts = [Start(job.key, Reason.RETURNED) for job in returned]
        if self.is_up or len(waiting) < 2:
            return starts, None
        probe, again = self._probe(waiting, now)
        return starts + probe, again

    def forget_all_but(self, keys: Collection[str]) -> None:
        """Drop what is known of jobs that wait no longer."""
        self._tried = {key: turn for key, turn in self._tried.items() if key in keys}
        self._probed = {key: time for key, time in self._probed.items() if key in keys}

    def _probe(self, waiting: Sequence[Pending], now: datetime) -> tuple[list[Start], datetime | None]:
        fresh = [job for job in waiting if self._probed.get(job.key) != job.due_at]
        if not fresh:
            return [], None
        if self._state.last_try is not None and now < self._state.last_try + PROBE_EVERY:
            return [], self._state.last_try + PROBE_EVERY
        chosen = max(fresh, key=lambda job: job.due_at)
        self._state.last_try = now
        self._probed[chosen.key] = chosen.due_at
        return [Start(chosen.key, Reason.PROBE)], now + PROBE_EVERY
