"""Sends the callbacks of all jobs of a host: one in flight per job, recorded before the next is sent.

A terminal callback that failed waits by its own schedule, up to an hour. So that a backend which was away gets what
waits for it within a minute of its return, an origin that is down and has several terminal callbacks waiting is sent
one of them every 20 s ahead of its schedule, each at most once between two scheduled tries; and as soon as an origin
acknowledges anything again, all that were tried before that and wait are sent.
"""

import asyncio
import contextlib
import itertools
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from ecg_callbacks.circuit import Origin
from ecg_callbacks.decision import acknowledged, early_callback, failed_try, next_callback, started
from ecg_callbacks.outcome_log import log_outcome
from ecg_callbacks.ports import Change, Delivery, DeliveryLedger, Pending
from ecg_callbacks.sender import Delivered, Outcome
from ecg_callbacks.target import origin_of
from ecg_callbacks.types import Decision, Due, Failure, JobFacts
from ecg_common.clock import utc_now
from ecg_contract.delivery_record import DeliveryRecord

PROBE_EVERY = timedelta(seconds=20)
LONGEST_SLEEP = timedelta(seconds=60)
_COALESCE_S = 0.01
_LEDGER_PAUSE_S = 1.0
_GRACE_S = 5.0
_IDLE_PAUSE_S = 0.1
"""After a look at a job that had nothing to send: a ledger that lists it wrongly keeps nobody busy."""


class Sender(Protocol):
    """Makes one try."""

    async def send(self, due: Due, facts: JobFacts) -> Outcome: ...


class Reason(Enum):
    """Why a callback is looked at now."""

    DUE = auto()
    PROBE = auto()
    """To see whether its origin answers again."""
    COME_BACK = auto()
    """Its origin answers again."""


class Deliverer:
    """Runs as one task; `wake` tells it that a job's state has changed."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        sender: Sender,
        *,
        clock: Callable[[], datetime] = utc_now,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._ledger, self._sender, self._clock, self._random = ledger, sender, clock, random
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sending: set[str] = set()
        self._origins: dict[str, Origin] = {}
        self._probed: dict[str, datetime] = {}
        """The scheduled try before which a job has served as a probe."""
        self._turns = itertools.count(1)
        self._tried: dict[str, int] = {}
        """The turn in which a waiting job's last try began; none for one that was tried before a restart."""
        self._stopping = False

    def wake(self) -> None:
        """From any thread: something may be due."""
        if self._loop is None:
            self._woken.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Until cancelled; tries that are in flight then get a few seconds to end and to be recorded."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._woken.clear()
                await self._sleep(await self._scan())
        finally:
            await self._stop()

    async def _sleep(self, pause: timedelta) -> None:
        seconds = min(max(pause, timedelta(0)), LONGEST_SLEEP).total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # Python 3.11's wait_for can swallow a cancellation
                await self._woken.wait()
            await asyncio.sleep(_COALESCE_S)

    async def _scan(self) -> timedelta:
        """Start what can be sent; how long nothing else will be due."""
        try:
            pending = await self._ledger.pending()
        except Exception:  # a ledger that is away is asked again
            logging.getLogger(__name__).exception("delivery_ledger_failed")
            return timedelta(seconds=_LEDGER_PAUSE_S)
        now = self._clock()
        idle = [job for job in pending if job.key not in self._tasks]
        for job in idle:
            if job.due_at <= now:
                self._start(job, Reason.DUE)
        waiting = [job for job in idle if job.due_at > now]
        self._forget(pending)
        probes = self._start_early([job for job in waiting if job.is_retried_terminal], now)
        return min([job.due_at for job in waiting] + probes, default=now + LONGEST_SLEEP) - now

    def _start_early(self, waiting: Sequence[Pending], now: datetime) -> list[datetime]:
        """Send ahead of schedule what should be; when each origin's next probe is."""
        probes: list[datetime] = []
        by_origin: defaultdict[str, list[Pending]] = defaultdict(list)
        for job in waiting:
            by_origin[origin_of(job.base)].append(job)
        for name, jobs in by_origin.items():
            origin = self._origin(name)
            for job in jobs:
                if origin.has_returned_since(self._tried.get(job.key, 0)):
                    self._tried[job.key] = next(self._turns)  # once a return, also where a Retry-After forbids it
                    self._start(job, Reason.COME_BACK)
            if not origin.is_up and len(jobs) > 1:
                probes += self._probe(origin, jobs, now)
        return probes

    def _probe(self, origin: Origin, jobs: Sequence[Pending], now: datetime) -> list[datetime]:
        fresh = [job for job in jobs if self._probed.get(job.key) != job.due_at]
        if not fresh:
            return []
        if origin.last_try is not None and now < origin.last_try + PROBE_EVERY:
            return [origin.last_try + PROBE_EVERY]
        chosen = max(fresh, key=lambda job: job.due_at)
        origin.last_try = now
        self._probed[chosen.key] = chosen.due_at
        self._start(chosen, Reason.PROBE)
        return [now + PROBE_EVERY]

    def _start(self, job: Pending, reason: Reason) -> None:
        self._tasks[job.key] = asyncio.get_running_loop().create_task(self._guarded(job.key, reason))

    async def _guarded(self, key: str, reason: Reason) -> None:
        try:
            if not await self._deliver(key, reason):
                await asyncio.sleep(_IDLE_PAUSE_S)
        except Exception:  # one job's trouble is not another's; the pause keeps it from spinning
            logging.getLogger(__name__).exception("delivery_failed", extra={"key": key})
            await asyncio.sleep(_LEDGER_PAUSE_S)
        finally:
            self._tasks.pop(key, None)
            self._woken.set()

    async def _deliver(self, key: str, reason: Reason) -> bool:
        """Send what a job has to send, one after the other, until it has to wait; False if there was nothing."""
        sent = False
        while not self._stopping:
            delivery = await self._ledger.load(key)
            due = self._due(delivery, reason)
            if delivery is None or due is None:
                break
            origin = self._origin(origin_of(delivery.facts.callback_base or ""))
            async with origin.slot(terminal=due.is_terminal):
                if reason is Reason.COME_BACK and not origin.is_up:
                    break
                await self._try(key, origin, reason, terminal=due.is_terminal)
            reason, sent = Reason.DUE, True
        return sent

    def _due(self, delivery: Delivery | None, reason: Reason) -> Due | None:
        if delivery is None:
            return None
        now = self._clock()
        decision: Decision | None = next_callback(delivery.record, delivery.facts, now)
        if not isinstance(decision, Due) and reason is not Reason.DUE:
            decision = early_callback(delivery.record, delivery.facts, now)
        return decision if isinstance(decision, Due) else None

    async def _try(self, key: str, origin: Origin, reason: Reason, *, terminal: bool) -> None:
        """One try of what is due now that the slot is free: the job has moved on while it waited for it."""
        delivery = await self._ledger.load(key)
        due = self._due(delivery, reason)
        if delivery is None or due is None or due.is_terminal != terminal:
            return
        self._sending.add(key)
        began = self._tried[key] = next(self._turns)
        try:
            if started(delivery.record, due) != delivery.record:
                await self._ledger.record(key, lambda record: started(record, due))
            outcome = await self._sender.send(due, delivery.facts)
            await self._settle(key, delivery, due, outcome)
            self._learn(origin, began, outcome)
        finally:
            self._sending.discard(key)

    async def _settle(self, key: str, delivery: Delivery, due: Due, outcome: Outcome) -> None:
        change = _change(due, outcome, self._clock(), self._random())
        await self._record(key, change)
        log_outcome(delivery.facts, due, outcome, change(delivery.record))

    def _learn(self, origin: Origin, began: int, outcome: Outcome) -> None:
        now, was_up = self._clock(), origin.is_up
        if isinstance(outcome, Delivered):
            origin.acknowledged(next(self._turns), now)
        else:
            origin.failed(began, now)
        if origin.is_up and not was_up:
            self._woken.set()

    async def _record(self, key: str, change: Change) -> None:
        """Durable before anything else is sent for this job, however long that takes."""
        while True:
            try:
                return await self._ledger.record(key, change)
            except Exception:  # what was answered must not be forgotten because the disk is full
                logging.getLogger(__name__).exception("callback_not_recorded", extra={"key": key})
                await asyncio.sleep(_LEDGER_PAUSE_S)

    def _origin(self, name: str) -> Origin:
        return self._origins.setdefault(name, Origin())

    def _forget(self, pending: Iterable[Pending]) -> None:
        """What nobody waits for any more."""
        keys = {job.key for job in pending}
        self._probed = {key: time for key, time in self._probed.items() if key in keys}
        self._tried = {key: turn for key, turn in self._tried.items() if key in keys}
        if not self._tasks:
            names = {origin_of(job.base) for job in pending}
            self._origins = {name: origin for name, origin in self._origins.items() if name in names}

    async def _stop(self) -> None:
        self._stopping = True
        for key, task in self._tasks.items():
            if key not in self._sending:
                task.cancel()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _change(due: Due, outcome: Outcome, now: datetime, chance: float) -> Change:
    """What an outcome does to the record; pure, so that a ledger may apply it again."""

    def change(record: DeliveryRecord) -> DeliveryRecord:
        if isinstance(outcome, Failure):
            return failed_try(record, due, now, outcome, lambda: chance)
        return acknowledged(record, due, now)

    return change
