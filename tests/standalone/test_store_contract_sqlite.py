"""The contract of every job store, for the one on SQLite."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecg_api.standalone.storage.callback_ledger import CallbackLedger
from ecg_api.standalone.storage.run_queue import RunQueue, key_of
from ecg_api.standalone.storage.storage import Storage
from ecg_api.standalone.storage.store import SqliteStore
from ecg_contract.attempt_outcome import Complete, Fail
from ecg_contract.delivery_record import DeliveryRecord, Settled
from ecg_contract.host_protocol import ResultReference
from support.sqlite_storage import Clock, open_storage
from support.store_contract import StoreContract
from support.store_hand import BROKEN, RESULT, Hand, Outcome, one_try


@dataclass
class _Sqlite:
    storage: Storage
    store: SqliteStore

    async def begin(self, job_id: str) -> None:
        job = await RunQueue(self.storage).claim()
        assert job is not None
        assert job.job_id == job_id

    async def complete(self, job_id: str) -> None:
        await self._end(job_id, None)

    async def fail(self, job_id: str) -> None:
        await self._end(job_id, Fail(BROKEN))

    async def settle(self, job_id: str, outcome: Outcome) -> None:
        ledger = CallbackLedger(self.storage)
        end = Settled(outcome=outcome, time=self.storage.clock(), tries=1)

        def settled(record: DeliveryRecord) -> DeliveryRecord:
            return record.model_copy(update={"terminal": end, "settled": 100, "tries": (one_try(outcome),)})

        (pending,) = await ledger.pending()
        await ledger.record(pending.key, settled)

    async def _end(self, job_id: str, failure: Fail | None) -> None:
        runs = RunQueue(self.storage)
        if not await runs.interrupted():
            await self.begin(job_id)
        (job,) = await runs.interrupted()
        path = self.storage.files.result_of(job)
        path.write_bytes(RESULT)
        result = ResultReference(
            location=str(path), sha256="", bytes=len(RESULT), segments=0, words=0, speakers=0, language="ko",
            duration=1.0, processing_time=1.0,
        )  # fmt: skip
        await runs.end(key_of(job), failure or Complete(result))


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Hand]:
    with open_storage(tmp_path, Clock()) as storage:
        yield _Sqlite(storage, SqliteStore(storage, queue_limit=100))


class TestTheStoreOnSqlite(StoreContract):
    """Every test of the contract."""
