"""Keys to handle: one worker per key at a time, repeated additions coalesce, a failure is tried again later.

The pattern of Kubernetes' own controllers (client-go's rate limiting work queue), for asyncio.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ecg_common.retry import exponential_backoff

_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 30.0
_WORKERS = 32
_log = logging.getLogger(__name__)

Handle = Callable[[str], Awaitable[float | None]]
"""Handles a key; returns in how many seconds to handle it again, None for not before it is added again."""


class WorkQueue:
    """Handles at most 32 keys at a time while `run` runs."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}

    def add(self, key: str) -> None:
        """Handle `key` as soon as possible; once more afterwards, if it is being handled now."""
        self._cancel_timer(key)
        if key in self._busy:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def add_later(self, key: str, delay_s: float) -> None:
        """Handle `key` after the delay, unless it is added before."""
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(max(delay_s, 0), self.add, key)

    def __len__(self) -> int:
        """Keys that wait to be handled now."""
        return len(self._queued)

    async def run(self) -> None:
        """Until cancelled, which cancels what is being handled."""
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(_WORKERS):
                    workers.create_task(self._work())
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            self._queued.discard(key)
            self._busy.add(key)
            try:
                await self._handle_once(key)
            finally:
                self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            await asyncio.sleep(0)  # a key that needs nothing awaits nothing: a thousand of them would hold the loop up

    async def _handle_once(self, key: str) -> None:
        try:
            delay = await self._handle(key)
        except Exception as error:  # one key's failure does not stop the others
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            delay = exponential_backoff(failures, _FIRST_BACKOFF_S, _LONGEST_BACKOFF_S)
            _log.warning("reconcile_failed", extra={"videojob": key, "error": f"{type(error).__name__}: {error}"})
            _log.debug("reconcile_failed", exc_info=error)
        else:
            self._failures.pop(key, None)
        if delay is not None and key not in self._again:
            self.add_later(key, delay)

    def _cancel_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
