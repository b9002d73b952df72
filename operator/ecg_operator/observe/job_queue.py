"""The VideoJobs that wait for a slot, in order: interactive ones first, then by priority, then first in first out.

A slot is in use while a run is at work, and while a Job has not ended: its pod's node may still be occupied. Which
VideoJobs these are is read from the cache after each change, and never remembered elsewhere, so an operator that starts
finds the same queue.
"""

import bisect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

EXACT_PLACES = 10
"""The first places, of which each change is shown at once; of the others the next check of the watches tells, and a
change by a small share is not written."""


class Turn(NamedTuple):
    """Sorts VideoJobs in the order in which they start."""

    is_background: bool
    negative_priority: int
    sequence: int
    name: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What one VideoJob wants of the queue."""

    turn: Turn | None
    """None where its run does not wait."""
    occupies: bool
    """Whether its run is at work, or a Job of it has not ended."""


@dataclass(frozen=True, slots=True)
class Place:
    """`position` 1 is the next one to start."""

    position: int
    sequence: int


class JobQueue:
    """`slots` 0 has no limit: nothing waits."""

    def __init__(self, slots: int, wake: Callable[[str], None]) -> None:
        """`wake` is called with the names of VideoJobs that may start, or whose place has changed."""
        self.slots = slots
        self._wake = wake
        self._waiting: list[Turn] = []
        self._turns: dict[str, Turn] = {}
        self._occupied: set[str] = set()
        self._reserved: set[str] = set()

    def update(self, name: str, demand: Demand) -> None:
        """Take over what the cache says of a VideoJob now."""
        if not self.slots:
            return
        changed_at = self._update_turn(name, demand.turn)
        if demand.occupies != (name in self._occupied):
            (self._occupied.add if demand.occupies else self._occupied.discard)(name)
            changed_at = 0
        if changed_at is not None and changed_at < max(self._free(), EXACT_PLACES):
            self._wake_first()

    def place(self, name: str) -> Place | None:
        """None where the VideoJob may start now, or does not wait."""
        turn = self._turns.get(name)
        if turn is None or name in self._reserved:
            return None
        ahead = bisect.bisect_left(self._waiting, turn) - sum(self._turns.get(n, turn) < turn for n in self._reserved)
        return None if ahead < self._free(besides=name) else Place(ahead + 1, turn.sequence)

    @contextmanager
    def reserved(self, name: str) -> Iterator[None]:
        """Occupy a slot until the cache shows that the VideoJob does, or that it does not."""
        if not self.slots:
            yield
            return
        self._reserved.add(name)
        try:
            yield
        finally:
            self._reserved.discard(name)
            self._wake_first()

    def _free(self, besides: str | None = None) -> int:
        return self.slots - len((self._occupied | self._reserved) - {besides})

    def _update_turn(self, name: str, turn: Turn | None) -> int | None:
        """The first place that changes; None where none does."""
        old = self._turns.get(name)
        if old == turn:
            return None
        places = []
        if old is not None:
            del self._turns[name]
            places.append(bisect.bisect_left(self._waiting, old))
            del self._waiting[places[-1]]
        if turn is not None:
            self._turns[name] = turn
            places.append(bisect.bisect_left(self._waiting, turn))
            self._waiting.insert(places[-1], turn)
        return min(places)

    def _wake_first(self) -> None:
        for turn in self._waiting[: max(self._free(), EXACT_PLACES)]:
            self._wake(turn.name)
