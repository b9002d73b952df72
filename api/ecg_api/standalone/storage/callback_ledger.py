"""The standalone host's jobs as the callback deliverer sees them."""

import sqlite3
from collections.abc import Callable, Sequence

from ecg_api.standalone.storage import job_record, job_table
from ecg_api.standalone.storage.store import Shelf
from ecg_callbacks.ports import Delivery, Pending
from ecg_contract.delivery_record import DeliveryRecord


class CallbackLedger:
    """The deliverer's side: `DeliveryLedger` on the jobs' own records; a key is a job's uid."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def pending(self) -> Sequence[Pending]:
        return await self._shelf.database.transact(job_table.pending_callbacks)

    async def load(self, key: str) -> Delivery | None:
        job = await self._shelf.database.transact(lambda c: job_table.get_by_uid(c, key))
        return Delivery(job_record.facts(job), job.delivery) if job else None

    async def record(self, key: str, change: Callable[[DeliveryRecord], DeliveryRecord]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            job = job_table.get_by_uid(connection, key)
            if job is not None:
                self._shelf.put(connection, job.model_copy(update={"delivery": change(job.delivery)}))

        await self._shelf.database.transact(work)
