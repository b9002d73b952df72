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
    """One scheme, host and port."""

    def __init__(self) -> None:
        self._slots = {False: asyncio.Semaphore(PROGRESS_SLOTS), True: asyncio.Semaphore(TERMINAL_SLOTS)}
        self._failures = 0
        self.is_up = False
        self.has_come_back = False
        """It answers again, and what waits for it has not been sent yet."""
        self.last_try: datetime | None = None

    def slot(self, *, terminal: bool) -> asyncio.Semaphore:
        return self._slots[terminal]

    def acknowledged(self, now: datetime) -> None:
        self.last_try = now
        self._failures = 0
        self.has_come_back = self.has_come_back or not self.is_up
        self.is_up = True

    def failed(self, now: datetime) -> None:
        self.last_try = now
        self._failures += 1
        if self._failures >= _FAILURES:
            self.is_up = self.has_come_back = False
