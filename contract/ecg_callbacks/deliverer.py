"""Sends the callbacks of all jobs of a host: one in flight per job, recorded before the next is sent.

`scheduler` picks the jobs, `circuit` keeps apart backends that answer and backends that do not, `delivery` sends what
one job has to send.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable
from datetime import timedelta

from ecg_callbacks.circuit import Reason, Start
from ecg_callbacks.delivery import LEDGER_PAUSE_S, JobDelivery, Sender
from ecg_callbacks.ports import DeliveryLedger, Pending
from ecg_callbacks.scheduler import LONGEST_SLEEP, Scheduler
from ecg_common.clock import Clock, utc_now
from ecg_common.tasks import end_tasks

_LEAST_BETWEEN_LOOKS_S = 0.01
"""A look asks for all pending jobs: many that change together are seen together."""
_IDLE_PAUSE_S = 0.1
"""Pause after a job that had nothing to send, so that a ledger that lists it wrongly causes no busy loop."""


class Deliverer:
    """Runs as one task; `wake` tells it that some job's state has changed, `offer` which one."""

    def __init__(  # noqa: PLR0913 - all but two have defaults
        self,
        ledger: DeliveryLedger,
        sender: Sender,
        *,
        clock: Clock = utc_now,
        random: Callable[[], float] = random.random,
        may_send: Callable[[], bool] = lambda: True,
        grace_s: float = 5.0,
    ) -> None:
        """`may_send` is asked before each try; tries in flight at the end get `grace_s` seconds."""
        self._ledger, self._clock, self._grace_s = ledger, clock, grace_s
        self._scheduler = Scheduler()
        self._woken = asyncio.Event()
        self._delivery = JobDelivery(ledger, sender, self._scheduler, clock, random, may_send, self._woken.set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None
        """In which the loop runs."""
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look again now; may be called from any thread."""
        if self._loop is None or threading.get_ident() == self._thread:
            self._woken.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def offer(self, job: Pending) -> None:
        """Send the callback of a job that has changed, where it is due; called from the loop's own thread.

        No other job is looked at, and no other task has to run before.
        """
        runs = self._loop is not None and not self._delivery.stopping
        if job.key in self._tasks:
            self._hurry(job)
        elif runs and job.due_at <= self._clock():
            self._start(Start(job.key, Reason.DUE))
        else:
            self.wake()

    async def run(self) -> None:
        """Until cancelled; tries in flight then get the grace to end and be recorded, unless it is cancelled again."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        try:
            while True:
                self._woken.clear()
                await self._sleep(await self._scan())
        finally:
            await self._stop()

    async def _sleep(self, pause: timedelta) -> None:
        clock = asyncio.get_running_loop().time
        not_before = clock() + _LEAST_BETWEEN_LOOKS_S
        seconds = min(max(pause, timedelta(0)), LONGEST_SLEEP).total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # Python 3.11's wait_for can swallow a cancellation
                await self._woken.wait()
        await asyncio.sleep(not_before - clock())

    async def _scan(self) -> timedelta:
        """Start what can be sent; returns for how long nothing else is due."""
        try:
            pending = await self._ledger.pending()
        except Exception:  # the ledger is asked again later
            logging.getLogger(__name__).exception("delivery_ledger_failed")
            return timedelta(seconds=LEDGER_PAUSE_S)
        for job in pending:
            self._hurry(job)
        now = self._clock()
        starts, next_look = self._scheduler.plan(pending, self._tasks.keys(), now)
        for start in starts:
            self._start(start)
        return next_look - now

    def _hurry(self, job: Pending) -> None:
        if job.has_ended:
            self._delivery.hurry(job.key)

    def _start(self, start: Start) -> None:
        self._tasks[start.key] = asyncio.get_running_loop().create_task(self._deliver(start))

    async def _deliver(self, start: Start) -> None:
        try:
            if not await self._delivery.deliver(start.key, start.reason):
                await asyncio.sleep(_IDLE_PAUSE_S)
        except Exception:  # other jobs' deliveries go on; the pause prevents a busy loop
            logging.getLogger(__name__).exception("delivery_failed", extra={"key": start.key})
            await asyncio.sleep(LEDGER_PAUSE_S)
        finally:
            self._tasks.pop(start.key, None)
            self._woken.set()

    async def _stop(self) -> None:
        self._delivery.stopping = True
        for key, task in self._tasks.items():
            if key not in self._delivery.in_flight:
                task.cancel()
        tasks = list(self._tasks.values())
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=self._grace_s)
        finally:
            await end_tasks(tasks)
