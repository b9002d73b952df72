"""Delivers the callbacks of one job: one at a time, each try recorded before the next decision."""

import asyncio
import logging
from collections.abc import Callable
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
from ecg_contract.delivery_record import DeliveryRecord

LEDGER_PAUSE_S = 1.0
"""Pause before a ledger that failed is asked again."""


class Sender(Protocol):
    """Makes one try."""

    async def send(self, due: Due, facts: JobFacts) -> Outcome: ...


class JobDelivery:
    """Sends what a job has to send, until it has to wait."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        sender: Sender,
        scheduler: Scheduler,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._ledger, self._sender, self._scheduler = ledger, sender, scheduler
        self._clock, self._random = clock, random
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
            circuit = self._scheduler.circuit(delivery.facts.callback_base or "")
            async with circuit.slot(terminal=due.is_terminal):
                if reason is Reason.RETURNED and not circuit.is_up:
                    break
                if await self._try(key, circuit, reason, terminal=due.is_terminal):
                    on_return()
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

    async def _try(self, key: str, circuit: Circuit, reason: Reason, *, terminal: bool) -> bool:
        """One try, decided anew because the job may have changed while it waited for the slot; True for a return."""
        delivery = await self._ledger.load(key)
        due = self._due(delivery, reason)
        if delivery is None or due is None or due.is_terminal != terminal:
            return False
        self.in_flight.add(key)
        began = circuit.begin(key)
        try:
            if started(delivery.record, due) != delivery.record:
                await self._ledger.record(key, lambda record: started(record, due))
            outcome = await self._sender.send(due, delivery.facts)
            await self._settle(key, delivery, due, outcome)
            return self._observe(circuit, began, outcome)
        finally:
            self.in_flight.discard(key)

    def _observe(self, circuit: Circuit, began: int, outcome: Outcome) -> bool:
        if isinstance(outcome, Delivered):
            return circuit.acknowledged(self._clock())
        circuit.failed(began, self._clock())
        return False

    async def _settle(self, key: str, delivery: Delivery, due: Due, outcome: Outcome) -> None:
        change = _change(due, outcome, self._clock(), self._random())
        await self._record(key, change)
        log_outcome(delivery.facts, due, outcome, change(delivery.record))

    async def _record(self, key: str, change: Change) -> None:
        """Record durably before anything else is sent for this job, however long that takes."""
        while True:
            try:
                return await self._ledger.record(key, change)
            except Exception:  # an acknowledgement must not be lost because the disk is full
                logging.getLogger(__name__).exception("callback_not_recorded", extra={"key": key})
                await asyncio.sleep(LEDGER_PAUSE_S)


def _change(due: Due, outcome: Outcome, now: datetime, chance: float) -> Change:
    """What an outcome does to the record; pure, so that a ledger may apply it again."""

    def change(record: DeliveryRecord) -> DeliveryRecord:
        if isinstance(outcome, Failure):
            return failed_try(record, due, now, outcome, lambda: chance)
        return acknowledged(record, due, now)

    return change
