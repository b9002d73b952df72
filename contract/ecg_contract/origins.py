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
        self._up_since: datetime | None = None

    def slot(self, *, terminal: bool) -> asyncio.Semaphore:
        return self._slots[terminal]

    def acknowledged(self, now: datetime) -> None:
        self.last_try = now
        self._failures = 0
        if not self.is_up:
            self.is_up = self.has_come_back = True
            self._up_since = now

    def failed(self, began: datetime, now: datetime) -> None:
        """A try that began at `began`; one that hung since before the return is due again with the others."""
        self.last_try = now
        if self.is_up and self._up_since is not None and began < self._up_since:
            self.has_come_back = True
            return
        self._failures += 1
        if self._failures >= _FAILURES:
            self.is_up = self.has_come_back = False
