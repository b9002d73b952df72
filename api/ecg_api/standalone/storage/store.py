"""The standalone host's jobs: what the front door stores, reads, cancels and removes."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.ports import JobState, JobView, Submission, SubmitOutcome, UploadSlot
from ecg_api.standalone.storage import job_record, job_table
from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.database import SCHEMA_VERSION, Database
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_callbacks.decision import redeliver
from ecg_common.clock import utc_now
from ecg_common.logs import job_logger

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the store and the ledgers work on together."""

    database: Database
    files: JobFiles
    changes: Changes
    ttl: timedelta
    clock: Clock = utc_now

    def put(self, connection: sqlite3.Connection, job: JobRecord) -> None:
        job_table.put(connection, job, self.clock(), self.ttl)


class SqliteStore:
    """`JobStore`, `Uploads` and `Redelivery` on SQLite."""

    def __init__(self, shelf: Shelf, queue_limit: int, trouble: Callable[[], Sequence[str]] = tuple) -> None:
        """`trouble`: what keeps the work from going on, a sentence each."""
        self._shelf = shelf
        self._queue_limit = queue_limit
        self._trouble = trouble

    async def submit(self, submission: Submission) -> SubmitOutcome:
        outcome = await self._shelf.database.transact(lambda c: self._submit(c, submission))
        if outcome is not SubmitOutcome.CONFLICT:
            self._shelf.changes.announce(submission.job_id)
        return outcome

    async def get(self, job_id: str) -> JobView | None:
        job = await self._load(job_id)
        return job_record.view(job) if job else None

    async def result(self, job_id: str) -> IO[bytes] | None:
        job = await self._load(job_id)
        return await asyncio.to_thread(_opened, Path(job.result.location)) if job and job.result else None

    async def delete(self, job_id: str) -> bool:
        job = await self._shelf.database.transact(lambda c: _removed(c, job_id))
        if job is None:
            return False
        self._shelf.files.forget(job)
        job_logger(__name__, job_id).info("job_deleted", extra={"state": str(job.state)})
        self._shelf.changes.announce(job_id)
        return True

    async def wait(self, job_id: str, timeout_s: float) -> JobView | None:
        with self._shelf.changes.subscribed(job_id) as changed:
            try:
                async with asyncio.timeout(timeout_s):
                    while (job := await self.get(job_id)) is not None and not job.state.is_final:
                        await changed.wait()
                        changed.clear()
            except TimeoutError:
                pass
        return await self.get(job_id)

    async def cancel(self, job_id: str) -> None:
        job = await self._shelf.database.transact(lambda c: self._cancel(c, job_id))
        if job is not None:
            self._shelf.files.forget_upload(job)
            job_logger(__name__, job_id).info("job_cancelled")
            self._shelf.changes.announce(job_id)

    async def missing(self) -> Sequence[str]:
        try:
            await self._shelf.database.transact(lambda c: c.execute(f"PRAGMA user_version = {SCHEMA_VERSION}"))
        except StoreUnavailableError as error:
            return [f"jobs cannot be stored: {error}", *self._trouble()]
        return self._trouble()

    async def slot(self, name: str) -> UploadSlot:
        return UploadSlot(self._shelf.files.new_upload(), name)

    async def undelivered(self) -> Sequence[JobView]:
        return [job_record.view(j) for j in await self._shelf.database.transact(job_table.undelivered)]

    async def redeliver(self, job_id: str) -> bool:
        done = await self._shelf.database.transact(lambda c: self._redeliver(c, job_id))
        self._shelf.changes.announce(job_id)
        return done

    async def _load(self, job_id: str) -> JobRecord | None:
        return await self._shelf.database.transact(lambda c: job_table.get(c, job_id))

    def _submit(self, connection: sqlite3.Connection, submission: Submission) -> SubmitOutcome:
        known = job_table.get(connection, submission.job_id)
        if known is not None and known.state not in (JobState.FAILED, JobState.CANCELLED):
            return self._submit_again(connection, known, submission)
        if job_table.count_in(connection, JobState.QUEUED) >= self._queue_limit:
            raise QueueFullError
        now, uid = self._shelf.clock(), job_record.new_uid()
        if known is None:
            self._shelf.put(connection, job_record.submitted(submission, now, uid))
            return SubmitOutcome.CREATED
        job_table.remove(connection, known.job_id)  # it queues behind the others
        self._shelf.put(connection, job_record.rerun(known, submission, now, uid))
        return SubmitOutcome.RERUN

    def _submit_again(self, connection: sqlite3.Connection, job: JobRecord, submission: Submission) -> SubmitOutcome:
        if job.body_key != submission.body_key:
            return SubmitOutcome.CONFLICT
        if job.state is not JobState.COMPLETED:
            return SubmitOutcome.SAME
        self._deliver_again(connection, job)
        return SubmitOutcome.REDELIVERED

    def _deliver_again(self, connection: sqlite3.Connection, job: JobRecord) -> None:
        delivery = redeliver(job.delivery, self._shelf.clock())
        self._shelf.put(connection, job.model_copy(update={"delivery": delivery}))

    def _cancel(self, connection: sqlite3.Connection, job_id: str) -> JobRecord | None:
        job = job_table.get(connection, job_id)
        if job is None or job.state.is_final:
            return None
        self._shelf.put(connection, job_record.cancelled(job, self._shelf.clock()))
        return job

    def _redeliver(self, connection: sqlite3.Connection, job_id: str) -> bool:
        job = job_table.get(connection, job_id)
        if job is None or job.state not in (JobState.COMPLETED, JobState.FAILED) or job.callback_base is None:
            return False
        self._deliver_again(connection, job)
        return True


def _opened(path: Path) -> IO[bytes] | None:
    """None where the job was removed this moment."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _removed(connection: sqlite3.Connection, job_id: str) -> JobRecord | None:
    job = job_table.get(connection, job_id)
    job_table.remove(connection, job_id)
    return job
