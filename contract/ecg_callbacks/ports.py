"""What the host provides to the deliverer: the record of deliveries, and the stored results."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ecg_callbacks.decision import due_at
from ecg_callbacks.types import JobFacts
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.host_protocol import ResultReference

Change = Callable[[DeliveryRecord], DeliveryRecord]


@dataclass(frozen=True, slots=True)
class Pending:
    """A job that has a callback to send, now or later."""

    key: str
    base: str
    """The job's callback base."""
    due_at: datetime
    is_retried_terminal: bool
    """Its terminal callback has failed and waits for its next try, sooner when its backend answers again."""
    has_ended: bool = False
    """Its terminal callback waits, perhaps for progress that is being sent."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job and the record of its delivery."""

    facts: JobFacts
    record: DeliveryRecord


class DeliveryLedger(Protocol):
    """The host's durable record of deliveries; `key` is the host's identifier of a job."""

    async def pending(self) -> Sequence[Pending]:
        """Every job for which `pending_of` is not None. Must be fast: it is called after every change."""

    async def load(self, key: str) -> Delivery | None:
        """The current delivery; None where the job was deleted."""

    async def record(self, key: str, change: Change) -> None:
        """Apply `change` to the record in one transaction, durable when this returns; does nothing for a deleted job.

        `change` is pure and may be called more than once.
        """


class ResultSource(Protocol):
    """Where the results' final wire JSON is stored."""

    def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        """The stored bytes in pieces of at most 1 MiB. Raises OSError where they cannot be read."""


def pending_of(key: str, record: DeliveryRecord, facts: JobFacts, now: datetime) -> Pending | None:
    """A job's entry in `DeliveryLedger.pending`; None where nothing is to be sent."""
    time = due_at(record, facts, now)
    if time is None or facts.callback_base is None:
        return None
    retried = record.run == facts.run and record.in_hand is not None and record.in_hand.is_terminal
    return Pending(key, facts.callback_base, time, retried, facts.terminal is not None)
