"""Deliveries in memory, records kept as the JSON that a real ledger would store."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ecg_callbacks.ports import Change, Delivery, Pending, pending_of
from ecg_callbacks.types import JobFacts
from ecg_contract.delivery_record import DeliveryRecord


class FakeLedger:
    """A `DeliveryLedger`; tests change the jobs' facts and wake the deliverer themselves."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._facts: dict[str, JobFacts] = {}
        self._records: dict[str, str] = {}
        self.failures: list[Exception] = []
        """Raised by the next writes, one each."""
        self.refused: set[str] = set()
        """Keys of jobs that cannot be recorded."""
        self.writes = 0
        self.loads = 0
        self.refusals = 0

    def put(self, facts: JobFacts) -> None:
        """A new job, or another state of one, under its `uid`."""
        self._facts[facts.uid] = facts
        self._records.setdefault(facts.uid, DeliveryRecord(run=facts.run).to_json())

    def change(self, key: str, **facts: Any) -> None:
        self._facts[key] = replace(self._facts[key], **facts)

    def delete(self, key: str) -> None:
        del self._facts[key], self._records[key]

    def get(self, key: str) -> DeliveryRecord:
        return DeliveryRecord.model_validate_json(self._records[key])

    async def pending(self) -> Sequence[Pending]:
        now = self._clock()
        found = (pending_of(key, self.get(key), facts, now) for key, facts in self._facts.items())
        return [pending for pending in found if pending is not None]

    async def load(self, key: str) -> Delivery | None:
        self.loads += 1
        return Delivery(self._facts[key], self.get(key)) if key in self._facts else None

    async def record(self, key: str, change: Change) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if key in self.refused:
            self.refusals += 1
            raise OSError("refused: 422")
        if key in self._records:
            self._records[key] = change(self.get(key)).to_json()
            self.writes += 1
