"""Wakes every task that waits for a change."""

import asyncio


class Bell:
    """Take `next_ring` before looking for work, and await it after none was found: no ring is missed."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next_ring(self) -> asyncio.Event:
        return self._next

    def ring(self) -> None:
        rung, self._next = self._next, asyncio.Event()
        rung.set()
