"""What the deliverer knows about the backends it talks to, in memory only: free slots, and whether they answer.

A slow backend holds its own slots and nobody else's; progress holds none of the terminal callbacks'.
An origin counts as down until it first acknowledges, and again after three failures in a row.
"""

import asyncio
from datetime import datetime

PROGRESS_SLOTS = 8
TERMINAL_SLOTS = 4
_FAILURES = 3


class Origin:
    """One scheme, host and port. A turn is the deliverer's count of what happens, later being larger."""

    def __init__(self) -> None:
        self._slots = {False: asyncio.Semaphore(PROGRESS_SLOTS), True: asyncio.Semaphore(TERMINAL_SLOTS)}
        self._failures = 0
        self._up_since = 0
        """The turn of the return."""
        self.is_up = False
        self.last_try: datetime | None = None

    def slot(self, *, terminal: bool) -> asyncio.Semaphore:
        return self._slots[terminal]

    def acknowledged(self, turn: int, now: datetime) -> None:
        self.last_try = now
        self._failures = 0
        if not self.is_up:
            self.is_up = True
            self._up_since = turn

    def failed(self, began: int, now: datetime) -> None:
        """A try that began in turn `began`; one that hung since before the return says nothing of what is after it."""
        self.last_try = now
        if self.has_returned_since(began):
            return
        self._failures += 1
        if self._failures >= _FAILURES:
            self.is_up = False

    def has_returned_since(self, began: int) -> bool:
        """Whether what failed in a try of turn `began` is worth another: it answers again, and did not then."""
        return self.is_up and began < self._up_since
