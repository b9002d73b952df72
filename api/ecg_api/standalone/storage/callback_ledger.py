"""The standalone host's jobs as the callback deliverer sees them."""

from collections.abc import Callable, Sequence

from ecg_api.standalone.storage import job_record
from ecg_api.standalone.storage.job_table import JobTable
from ecg_api.standalone.storage.storage import Storage
from ecg_callbacks.ports import Delivery, Pending
from ecg_contract.delivery_record import DeliveryRecord


class CallbackLedger:
    """`DeliveryLedger` on the job records; a key is a job's uid."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def pending(self) -> Sequence[Pending]:
        return await self._storage.query(JobTable.pending_callbacks)

    async def load(self, key: str) -> Delivery | None:
        job = await self._storage.query(lambda table: table.get_by_uid(key))
        return Delivery(job_record.facts(job), job.delivery) if job else None

    async def record(self, key: str, change: Callable[[DeliveryRecord], DeliveryRecord]) -> None:
        async with self._storage.transaction() as table:
            job = table.get_by_uid(key)
            if job is not None:
                table.put(job.model_copy(update={"delivery": change(job.delivery)}))
