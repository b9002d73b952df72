"""Delivers the callbacks of one job: one at a time, each try recorded before the next decision."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ecg_callbacks import schedule
from ecg_callbacks.circuit import Circuit, Reason
from ecg_callbacks.decision import acknowledged, early_callback, failed_try, next_callback, remembered, started
from ecg_callbacks.limit import Limit
from ecg_callbacks.outcome_log import log_outcome
from ecg_callbacks.ports import Change, Delivery, DeliveryLedger
from ecg_callbacks.scheduler import Scheduler
from ecg_callbacks.sender import Delivered, Outcome
from ecg_callbacks.types import Decision, Due, Failure, JobFacts
from ecg_common.clock import Clock
from ecg_common.retry import exponential_backoff
from ecg_contract.delivery_record import DeliveryRecord

LEDGER_PAUSE_S = 1.0
"""Pause before a ledger that failed is asked again; it doubles while a record is refused."""
_LONGEST_LEDGER_PAUSE_S = 60.0
_MADE_WAY = Failure("given up for the job's last callback")


class Sender(Protocol):
    """Makes one try."""

    async def send(self, due: Due, facts: JobFacts) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Planned:
    """A callback that is due, and what that was decided on."""

    delivery: Delivery
    due: Due


@dataclass(frozen=True, slots=True)
class Tried:
    """A callback whose try is over and is not recorded yet."""

    planned: Planned
    outcome: Outcome
    began: int | None = None
    """The circuit's turn in which it was sent; None where it was given up before."""


class JobDelivery:
    """Sends what a job has to send, until it has to wait. `may_send` is asked immediately before each try."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a try needs
        self,
        ledger: DeliveryLedger,
        sender: Sender,
        scheduler: Scheduler,
        clock: Clock,
        random: Callable[[], float],
        may_send: Callable[[], bool],
        on_return: Callable[[], None],
    ) -> None:
        """`on_return` is called when an origin that was down has acknowledged."""
        self._ledger, self._sender, self._scheduler = ledger, sender, scheduler
        self._clock, self._random, self._may_send, self._on_return = clock, random, may_send, on_return
        self._limits: dict[str, Limit] = {}
        """Of progress callbacks that are being delivered, by the key of their job."""
        self.in_flight: set[str] = set()
        """Keys of the jobs whose callback is being sent or recorded."""
        self.stopping = False
        """True: nothing new is sent."""

    async def deliver(self, key: str, reason: Reason) -> bool:
        """Send one callback after the other; False if there was nothing to send."""
        sent = False
        while not self.stopping:
            planned = self._planned(await self._ledger.load(key), reason)
            if planned is None:
                break
            with self._scheduler.used_circuit(planned.delivery.facts.callback_base or "") as circuit:
                if not await self._deliver_one(key, circuit, reason, planned):
                    break
            reason, sent = Reason.DUE, True
        return sent

    def hurry(self, key: str) -> None:
        """Limit how long the progress that is being delivered may still take: its job has ended."""
        if limit := self._limits.get(key):
            now = self._clock()
            limit.set(now + schedule.CATCH_UP, now)

    async def _deliver_one(self, key: str, circuit: Circuit, reason: Reason, planned: Planned) -> bool:
        """One try and its record; the slot is free again before it is recorded. False where none may be made now."""
        limit, terminal = Limit(), planned.due.is_terminal
        if not terminal:
            self._limits[key] = limit
        try:
            if not await self._got_slot(circuit.slot(terminal=terminal), limit, planned.due):
                tried: Tried | None = Tried(planned, _MADE_WAY)
            else:
                try:
                    if (reason is Reason.RETURNED and not circuit.is_up) or not self._may_send():
                        return False
                    tried = await self._try(key, circuit, reason, limit, terminal=terminal)
                finally:
                    circuit.slot(terminal=terminal).release()
            if tried is not None:
                self._observe(circuit, tried)
                await self._settle(key, tried, limit)
            return True
        finally:
            self._limits.pop(key, None)
            self.in_flight.discard(key)

    async def _got_slot(self, slot: asyncio.Semaphore, limit: Limit, due: Due) -> bool:
        """False where the limit came first."""
        if due.until is not None:
            limit.set(due.until, self._clock())
        try:
            async with limit.applied():
                await slot.acquire()
        except TimeoutError:
            return False
        return True

    def _planned(self, delivery: Delivery | None, reason: Reason) -> Planned | None:
        if delivery is None:
            return None
        now = self._clock()
        decision: Decision | None = next_callback(delivery.record, delivery.facts, now)
        if not isinstance(decision, Due) and reason is not Reason.DUE:
            decision = early_callback(delivery.record, delivery.facts, now)
        return Planned(delivery, decision) if isinstance(decision, Due) else None

    async def _try(self, key: str, circuit: Circuit, reason: Reason, limit: Limit, *, terminal: bool) -> Tried | None:
        """One try, decided anew because the job may have changed while it waited for the slot; None without one."""
        planned = self._planned(await self._ledger.load(key), reason)
        if planned is None or planned.due.is_terminal != terminal:
            return None
        due, record = planned.due, planned.delivery.record
        self.in_flight.add(key)
        if started(record, due) != record:
            await self._ledger.record(key, lambda record: started(record, due))
            if not self._may_send():
                return None
        began = circuit.begin(key)
        return Tried(planned, await self._send(planned, limit), began)

    async def _send(self, planned: Planned, limit: Limit) -> Outcome:
        if planned.due.until is not None:
            limit.set(planned.due.until, self._clock())
        try:
            async with limit.applied():
                return await self._sender.send(planned.due, planned.delivery.facts)
        except TimeoutError:
            return _MADE_WAY

    def _observe(self, circuit: Circuit, tried: Tried) -> None:
        """Tell the circuit how a try that was made ended."""
        if tried.began is None:
            return
        if not isinstance(tried.outcome, Delivered):
            circuit.failed(tried.began, self._clock())
        elif circuit.acknowledged(self._clock()):
            self._on_return()

    async def _settle(self, key: str, tried: Tried, limit: Limit) -> None:
        due = replace(tried.planned.due, until=limit.until)
        change = _change(due, tried.outcome, self._clock(), self._random())
        await self._record(key, change)
        log_outcome(tried.planned.delivery.facts, due, tried.outcome, change(tried.planned.delivery.record))

    async def _record(self, key: str, change: Change) -> None:
        """Record durably before anything else is sent for this job, however long that takes."""
        for tries in itertools.count(1):
            try:
                return await self._ledger.record(key, change)
            except Exception:  # an acknowledgement must not be lost because the disk is full
                logging.getLogger(__name__).exception("callback_not_recorded", extra={"key": key})
                await asyncio.sleep(exponential_backoff(tries, LEDGER_PAUSE_S, _LONGEST_LEDGER_PAUSE_S))


def _change(due: Due, outcome: Outcome, now: datetime, chance: float) -> Change:
    """What an outcome does to the record; pure, so that a ledger may apply it again."""

    def change(record: DeliveryRecord) -> DeliveryRecord:
        if isinstance(outcome, Failure):
            after = failed_try(record, due, now, outcome, lambda: chance)
        else:
            after = acknowledged(record, due, now)
        error = outcome.error if isinstance(outcome, Failure) else None
        return remembered(after, due, now, outcome.http_status, error)

    return change
