"""One run of the operator: from empty caches until its watches or its Lease are lost, or it is told to stop."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, NoReturn

import kopf

from ecg_operator.composition import Dependencies, Parts
from ecg_operator.observe import watches
from ecg_operator.observe.snapshot import Warning_
from ecg_operator.observe.warning_events import watch_warnings
from ecg_operator.settings import seconds

_KOPF_GRACE_S = 5
_FAILURE_GRACE_S = 5
"""For the callbacks in flight, where the run ends by a failure: the next one should begin soon."""
_log = logging.getLogger(__name__)


class Operator:
    """Runs the parts until one of them ends."""

    def __init__(self, given: Dependencies, parts: Parts, take_signals: Callable[[], None]) -> None:
        """`take_signals` is called as soon as kopf has replaced the handlers of SIGTERM and SIGINT: a stop of its own
        would leave callbacks in flight five seconds."""
        self._given, self._parts, self._settings = given, parts, given.settings
        self._take_signals = take_signals
        self._in_sync = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Returns once `stop` is set; raises WatchStalledError, RunCancelledError, and whatever else ended a part."""
        stop_kopf = asyncio.Event()
        parts = (self._watch(stop_kopf), self._given.lease.keep(), self._check_watches(), self._work(), self._deliver())
        watching, leasing, checking, working, delivering = tasks = [asyncio.create_task(part) for part in parts]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            ended = next((task for task in tasks if task.done()), None)
            await _end([stopping, checking, working])
            await _end_in_order(delivering, leasing, _FAILURE_GRACE_S if ended else None)
        finally:
            await _end([stopping, *tasks[1:]])
            await self._given.results.stop()
            stop_kopf.set()
            await _end([watching], _KOPF_GRACE_S)
        if not stop.is_set():
            _raise_reason(ended, watching)

    async def _watch(self, stop: asyncio.Event) -> None:
        older = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=self._parts.watches,
            settings=watches.settings(),
            namespaces=[self._settings.namespace],
            # kopf would ask for the user's name, which a container's user need not have.
            identity=self._given.lease.identity,  # type: ignore[arg-type]  # a str that kopf has its own name for
            standalone=True,
            stop_flag=stop,
        )
        self._take_signals()
        await kopf.run_tasks(tasks, ignored=older)

    async def _check_watches(self) -> None:
        every, limit = seconds(self._settings.resync_s), seconds(self._settings.watch_lag_limit_s)
        await self._parts.watch_check.run(every, limit, self._passed)

    def _passed(self) -> None:
        self._given.metrics.resyncs.inc()
        self._given.health.in_sync()
        if not self._in_sync.is_set():
            self._parts.cache.mark_in_sync()
            self._in_sync.set()
            _log.info("in_sync", extra={"videojobs": len(self._parts.cache.videojobs)})
            for name in self._parts.cache.videojobs.names():
                self._parts.wake(name)

    async def _work(self) -> None:
        """Reconcile, from the moment on at which the cache is in sync."""
        await self._in_sync.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._parts.queue.run())
            group.create_task(self._parts.standby.run())
            group.create_task(watch_warnings(self._given.cluster, self._settings.namespace, self._warned))

    async def _deliver(self) -> None:
        await self._in_sync.wait()
        await self._parts.deliverer.run()

    def _warned(self, warning: Warning_) -> None:
        self._parts.wake(self._parts.cache.warn(warning))


class RunCancelledError(Exception):
    """kopf failed: it then cancels every task of the event loop that is younger than itself, those of this run's parts
    included. A part whose tasks were cancelled may end as if nothing had happened."""


def _raise_reason(ended: asyncio.Task[None] | None, watching: asyncio.Task[None]) -> NoReturn:
    """Raise what ended a part, although nobody asked for the run's end."""
    if ended is not None and not ended.cancelled():
        ended.result()
    cause = watching.exception() if watching.done() and not watching.cancelled() else None
    raise RunCancelledError("kopf's watches ended, and with them the run") from cause


async def _end_in_order(delivering: asyncio.Task[None], leasing: asyncio.Task[None], limit_s: float | None) -> None:
    """Let the callbacks in flight end while the Lease is kept; without it, they are cut off."""
    delivering.cancel()
    await asyncio.wait([delivering, leasing], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)


async def _end(tasks: list[asyncio.Task[Any]], grace_s: float = 0.0) -> None:
    """Cancel the tasks that have not ended within the grace, and wait for them."""
    pending = {task for task in tasks if not task.done()}
    if grace_s and pending:
        _, pending = await asyncio.wait(pending, timeout=grace_s)
    for task in pending:
        task.cancel()
    with contextlib.suppress(Exception):
        await asyncio.gather(*tasks, return_exceptions=True)
