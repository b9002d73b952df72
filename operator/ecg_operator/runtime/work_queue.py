"""Keys that want attention: one worker per key at a time, wake-ups coalesce, a failure is tried again later.

The pattern of Kubernetes' own controllers (client-go's rate limiting work queue), for asyncio.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ecg_common.retry import exponential_backoff

_FIRST_BACKOFF_S = 0.2
_LONGEST_BACKOFF_S = 30.0
_AT_ONCE = 32
_log = logging.getLogger(__name__)

Handle = Callable[[str], Awaitable[float | None]]
"""Attends to a key; in how many seconds it wants to be looked at again, None for not before something happens."""


class WorkQueue:
    """Runs as one task for as long as `run` does."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}

    def add(self, key: str) -> None:
        """Attend to `key` as soon as possible; once more after the present time, if it is being attended to."""
        self._cancel_timer(key)
        if key in self._busy:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def add_later(self, key: str, delay_s: float) -> None:
        """At the latest then; a wake-up before makes it superfluous."""
        self._cancel_timer(key)
        self._timers[key] = asyncio.get_running_loop().call_later(max(delay_s, 0), self.add, key)

    def forget(self, key: str) -> None:
        """It is gone."""
        self._cancel_timer(key)
        self._failures.pop(key, None)

    def __len__(self) -> int:
        """Keys that wait for attention now."""
        return len(self._queued)

    async def run(self) -> None:
        """Until cancelled; what is being attended to then is cancelled, too."""
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(_AT_ONCE):
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
                await self._attend(key)
            finally:
                self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    async def _attend(self, key: str) -> None:
        try:
            delay = await self._handle(key)
        except Exception as error:  # one key's trouble is not another's
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            delay = exponential_backoff(failures, _FIRST_BACKOFF_S, _LONGEST_BACKOFF_S)
            _log.warning("videojob_failed", extra={"videojob": key, "error": f"{type(error).__name__}: {error}"})
            _log.debug("videojob_failed", exc_info=error)
        else:
            self._failures.pop(key, None)
        if delay is not None and key not in self._again:
            self.add_later(key, delay)

    def _cancel_timer(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
