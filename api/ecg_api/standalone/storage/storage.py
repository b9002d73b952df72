"""What the job store, the run queue and the callback ledger share: database, files, change notifications, clock."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.database import Database
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.job_table import JobTable
from ecg_common.clock import Clock, utc_now

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Storage:
    database: Database
    files: JobFiles
    changes: Changes
    ttl: timedelta
    clock: Clock = utc_now

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[JobTable]:
        """The job table inside `Database.transaction`."""
        async with self.database.transaction() as connection:
            yield JobTable(connection, self.clock(), self.ttl)

    async def query(self, read: Callable[[JobTable], T]) -> T:
        """What `read` returns from the job table, outside any transaction."""
        return await self.database.query(lambda connection: read(JobTable(connection, self.clock(), self.ttl)))
