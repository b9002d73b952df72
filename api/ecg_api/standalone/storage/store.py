"""The standalone host's jobs as the API sees them: submitted, read, cancelled and removed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.ports import JobPage, JobQuery, JobState, JobView, Submission, SubmitOutcome, Submitter, UploadSlot
from ecg_api.standalone.storage import job_record
from ecg_api.standalone.storage.database import SCHEMA_VERSION
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.job_table import JobTable
from ecg_api.standalone.storage.storage import Storage
from ecg_callbacks.decision import redeliver
from ecg_common.logs import job_logger
from ecg_contract.pace import Pace, completion_of_queued, completion_of_running

_LONGEST_ROW = 18
"""Digits of a row that SQLite takes."""


class SqliteStore:
    """`JobStore`, `Uploads` and `Redelivery` on SQLite; a cursor is the row of a page's last job."""

    def __init__(
        self, storage: Storage, queue_limit: int, trouble: Callable[[], Sequence[str]] = tuple, workers: int = 1
    ) -> None:
        """`trouble` returns the reasons, a sentence each, why queued jobs are not being worked on."""
        self._storage, self._workers = storage, workers
        self._queue_limit = queue_limit
        self._trouble = trouble

    async def submit(self, submission: Submission) -> SubmitOutcome:
        async with self._storage.transaction() as table:
            known = table.get(submission.job_id)
            if known is not None and not known.state.may_run_again:
                outcome = _submit_again(table, known, submission)
            else:
                outcome = self._enqueue(table, known, submission)
        if outcome is not SubmitOutcome.CONFLICT:
            self._storage.changes.announce(submission.job_id)
        return outcome

    async def get(self, job_id: str) -> JobView | None:
        return await self._storage.query(lambda table: _view(table, job_id, self._workers))

    async def result(self, job_id: str) -> IO[bytes] | None:
        job = await self._load(job_id)
        return await asyncio.to_thread(_opened, Path(job.result.location)) if job and job.result else None

    async def delete(self, job_id: str) -> bool:
        async with self._storage.transaction() as table:
            job = table.get(job_id)
            table.remove(job_id)
        if job is None:
            return False
        self._storage.files.forget(job)
        job_logger(__name__, job_id).info("job_deleted", extra={"state": str(job.state)})
        self._storage.changes.announce(job_id)
        return True

    async def follow(self, job_id: str) -> AsyncIterator[JobView]:
        with self._storage.changes.subscribed(job_id) as changed:
            while (job := await self.get(job_id)) is not None:
                yield job
                if job.state.is_final:
                    return
                await changed.wait()
                changed.clear()

    async def cancel(self, job_id: str) -> None:
        async with self._storage.transaction() as table:
            job = table.get(job_id)
            if job is None or job.state.is_final:
                return
            table.put(job_record.cancelled(job, table.now))
        self._storage.files.forget_media(job)
        job_logger(__name__, job_id).info("job_cancelled")
        self._storage.changes.announce(job_id)

    async def retry(self, job_id: str, submitter: Submitter | None = None) -> bool:
        async with self._storage.transaction() as table:
            job = table.get(job_id)
            if job is None or not job.state.may_run_again or job.source.url is None:
                return False
            self._queue_behind_others(table, job, job_record.retried(job, table.now), submitter)
        job_logger(__name__, job_id).info("job_retried")
        self._storage.changes.announce(job_id)
        return True

    async def list_jobs(self, query: JobQuery) -> JobPage:
        before = None if query.after is None else _row(query.after)
        return await self._storage.query(lambda table: _page(table, query, before, self._workers))

    async def missing(self) -> Sequence[str]:
        try:
            async with self._storage.database.transaction() as connection:
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        except StoreUnavailableError as error:
            return [f"jobs cannot be stored: {error}", *self._trouble()]
        return self._trouble()

    async def slot(self, name: str) -> UploadSlot:
        return UploadSlot(self._storage.files.new_upload(), name)

    async def redeliver(self, job_id: str) -> bool:
        async with self._storage.transaction() as table:
            job = table.get(job_id)
            if job is None or job.state not in (JobState.COMPLETED, JobState.FAILED) or job.callback_base is None:
                return False
            _deliver_again(table, job)
        self._storage.changes.announce(job_id)
        return True

    async def _load(self, job_id: str) -> JobRecord | None:
        return await self._storage.query(lambda table: table.get(job_id))

    def _enqueue(self, table: JobTable, known: JobRecord | None, submission: Submission) -> SubmitOutcome:
        """`known` is the failed or cancelled job that runs again. Raises QueueFullError."""
        uid = job_record.new_uid()
        if known is None:
            job = job_record.submitted(submission, table.now, uid)
            self._queue_behind_others(table, None, job, submission.submitter)
            return SubmitOutcome.CREATED
        job = job_record.rerun(known, submission, table.now, uid)
        self._queue_behind_others(table, known, job, submission.submitter)
        return SubmitOutcome.RERUN

    def _queue_behind_others(
        self, table: JobTable, old: JobRecord | None, job: JobRecord, submitter: Submitter | None
    ) -> None:
        """Raises QueueFullError."""
        _check_limit(table, submitter)
        if table.count_in(JobState.QUEUED) >= self._queue_limit:
            raise QueueFullError
        if old is not None:
            table.remove(old.job_id)
        table.put(job)


def _check_limit(table: JobTable, submitter: Submitter | None) -> None:
    """Raises QueueFullError where as many of the submitter's jobs wait as may."""
    if submitter is None or submitter.queued_jobs is None:
        return
    if table.count_queued_of(submitter.name) >= submitter.queued_jobs:
        raise QueueFullError(submitter.name)


def _view(table: JobTable, job_id: str, workers: int) -> JobView | None:
    job = table.get(job_id)
    return _views(table, [job], workers)[0] if job else None


def _page(table: JobTable, query: JobQuery, before: int | None, workers: int) -> JobPage:
    jobs, last = table.page(query, before)
    return JobPage(_views(table, jobs, workers), None if last is None else str(last))


def _views(table: JobTable, jobs: Sequence[JobRecord], workers: int) -> Sequence[JobView]:
    """With place and probable end of those that are not final."""
    positions = table.queue_positions() if any(job.state is JobState.QUEUED for job in jobs) else {}
    pace = None if all(job.state.is_final for job in jobs) else table.pace()

    def seen(job: JobRecord) -> JobView:
        position = positions.get(job.job_id)
        eta = None
        if pace is not None and not job.state.is_final:
            eta = _eta(table, job, position, pace, workers)
        return job_record.view(job, position, eta)

    return [seen(job) for job in jobs]


def _row(cursor: str) -> int:
    """Raises ValueError."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_ROW):
        raise ValueError("no cursor")
    return int(cursor)


def _eta(table: JobTable, job: JobRecord, position: int | None, pace: Pace, workers: int) -> datetime | None:
    """None for running media of unknown length, and while a download waits for a worker."""
    if position is not None:
        waiting = max(0, table.count_in(JobState.RUNNING) - workers)
        return completion_of_queued(pace, position + waiting, workers, table.now)
    if job.attempt_started_at is None or job.pipeline is None or job.pipeline.duration is None:
        return None
    return completion_of_running(pace, job.attempt_started_at, job.pipeline.duration, table.now)


def _submit_again(table: JobTable, job: JobRecord, submission: Submission) -> SubmitOutcome:
    if job.body_key != submission.body_key:
        return SubmitOutcome.CONFLICT
    if job.state is not JobState.COMPLETED:
        return SubmitOutcome.SAME
    _deliver_again(table, job)
    return SubmitOutcome.REDELIVERED


def _deliver_again(table: JobTable, job: JobRecord) -> None:
    table.put(job.model_copy(update={"delivery": redeliver(job.delivery, table.now)}))


def _opened(path: Path) -> IO[bytes] | None:
    """None where the job was removed meanwhile."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
