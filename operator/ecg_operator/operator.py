"""One run of the operator: from empty caches until its watches or its Lease are lost, or it is told to stop."""

import asyncio
import gc
import logging
from collections.abc import Callable

from ecg_common.tasks import end_tasks
from ecg_operator.composition import Dependencies, Parts
from ecg_operator.observe.kopf_tasks import KopfTasks
from ecg_operator.observe.snapshot import Warning_
from ecg_operator.observe.warning_events import watch_warnings
from ecg_operator.settings import seconds

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
        """Returns once `stop` is set; raises WatchStalledError, WatchesEndedError, and whatever else ended a part."""
        kopf_tasks = KopfTasks()
        await kopf_tasks.start(self._parts.watches, self._settings.namespace, self._given.lease.identity)
        self._take_signals()
        parts = (kopf_tasks.wait(), self._given.lease.keep(), self._check_watches(), self._work(), self._deliver())
        watching, leasing, checking, working, delivering = tasks = [asyncio.create_task(part) for part in parts]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            ended = next((task for task in tasks if task.done()), None)
            await end_tasks([stopping, watching, checking, working])
            await _end_in_order(delivering, leasing, _FAILURE_GRACE_S if ended else None)
        finally:
            await end_tasks([stopping, *tasks])
            await kopf_tasks.end()
        if ended is not None and not stop.is_set():
            ended.result()

    async def _check_watches(self) -> None:
        every, limit = seconds(self._settings.resync_s), seconds(self._settings.watch_lag_limit_s)
        await self._parts.watch_check.run(every, limit, self._passed)

    def _passed(self) -> None:
        self._given.metrics.resyncs.inc()
        self._given.health.in_sync()
        if not self._in_sync.is_set():
            self._parts.cache.mark_in_sync()
            self._in_sync.set()
            _spare_the_collector()
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


def _spare_the_collector() -> None:
    """Leave what is in memory now, mostly modules, out of later garbage collections: each stops all callbacks.

    What an earlier run has left is collected first: it was left out, too.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def _end_in_order(delivering: asyncio.Task[None], leasing: asyncio.Task[None], limit_s: float | None) -> None:
    """Let the callbacks in flight end while the Lease is kept; without it, they are cut off."""
    delivering.cancel()
    await asyncio.wait([delivering, leasing], timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
