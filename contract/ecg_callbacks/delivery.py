"""Delivers the callbacks of one job: one at a time, each try recorded before the next decision."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ecg_callbacks.circuit import Circuit, Reason
from ecg_callbacks.decision import acknowledged, early_callback, failed_try, next_callback, started
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


class Sender(Protocol):
    """Makes one try."""

    async def send(self, due: Due, facts: JobFacts) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that was made and is not recorded yet."""

    delivery: Delivery
    due: Due
    outcome: Outcome


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
    ) -> None:
        self._ledger, self._sender, self._scheduler = ledger, sender, scheduler
        self._clock, self._random, self._may_send = clock, random, may_send
        self.in_flight: set[str] = set()
        """Keys of the jobs whose callback is being sent or recorded."""
        self.stopping = False
        """True: nothing new is sent."""

    async def deliver(self, key: str, reason: Reason, on_return: Callable[[], None]) -> bool:
        """Send one callback after the other; False if there was nothing to send.

        `on_return` is called when an origin that was down has acknowledged.
        """
        sent = False
        while not self.stopping:
            delivery = await self._ledger.load(key)
            due = self._due(delivery, reason)
            if delivery is None or due is None:
                break
            with self._scheduler.used_circuit(delivery.facts.callback_base or "") as circuit:
                if not await self._deliver_one(key, circuit, reason, on_return, terminal=due.is_terminal):
                    break
            reason, sent = Reason.DUE, True
        return sent

    async def _deliver_one(
        self, key: str, circuit: Circuit, reason: Reason, on_return: Callable[[], None], *, terminal: bool
    ) -> bool:
        """One try and its record; the slot is free again before it is recorded. False where none may be made now."""
        try:
            async with circuit.slot(terminal=terminal):
                if (reason is Reason.RETURNED and not circuit.is_up) or not self._may_send():
                    return False
                began = circuit.begin(key)
                tried = await self._try(key, reason, terminal=terminal)
            if tried is not None:
                if self._observe(circuit, began, tried.outcome):
                    on_return()
                await self._settle(key, tried)
            return True
        finally:
            self.in_flight.discard(key)

    def _due(self, delivery: Delivery | None, reason: Reason) -> Due | None:
        if delivery is None:
            return None
        now = self._clock()
        decision: Decision | None = next_callback(delivery.record, delivery.facts, now)
        if not isinstance(decision, Due) and reason is not Reason.DUE:
            decision = early_callback(delivery.record, delivery.facts, now)
        return decision if isinstance(decision, Due) else None

    async def _try(self, key: str, reason: Reason, *, terminal: bool) -> Tried | None:
        """One try, decided anew because the job may have changed while it waited for the slot; None without one."""
        delivery = await self._ledger.load(key)
        due = self._due(delivery, reason)
        if delivery is None or due is None or due.is_terminal != terminal:
            return None
        self.in_flight.add(key)
        if started(delivery.record, due) != delivery.record:
            await self._ledger.record(key, lambda record: started(record, due))
            if not self._may_send():
                return None
        return Tried(delivery, due, await self._sender.send(due, delivery.facts))

    def _observe(self, circuit: Circuit, began: int, outcome: Outcome) -> bool:
        if isinstance(outcome, Delivered):
            return circuit.acknowledged(self._clock())
        circuit.failed(began, self._clock())
        return False

    async def _settle(self, key: str, tried: Tried) -> None:
        change = _change(tried.due, tried.outcome, self._clock(), self._random())
        await self._record(key, change)
        log_outcome(tried.delivery.facts, tried.due, tried.outcome, change(tried.delivery.record))

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
            return failed_try(record, due, now, outcome, lambda: chance)
        return acknowledged(record, due, now)

    return change
