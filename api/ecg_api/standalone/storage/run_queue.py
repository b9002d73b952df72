"""The same jobs as the runner and the deliverer see them."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecg_api.ports import JobState
from ecg_api.standalone.storage import job_record, job_table
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.store import Shelf
from ecg_contract.attempt_outcome import Complete, Decision, Fail, Ignore, Retry
from ecg_contract.host_protocol import Device, PipelineStatus


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """One attempt at one job; what is said about another is not taken."""

    job_id: str
    uid: str
    attempt: int


def key_of(job: JobRecord) -> AttemptKey:
    return AttemptKey(job.job_id, job.uid, job.attempt)


class RunLedger:
    """The runner's side: attempts begin, report and end."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def next_device(self) -> Device:
        """What the next job would run on."""
        job = await self._shelf.database.transact(job_table.next_queued)
        return job.device if job else Device.AUTO

    async def claim(self) -> JobRecord | None:
        """The next job with a new attempt begun; None where none waits."""
        job = await self._shelf.database.transact(self._claim)
        if job is not None:
            self._shelf.changes.announce(job.job_id)
        return job

    async def current(self, key: AttemptKey) -> JobRecord | None:
        """The job while `key` is its running attempt; None when it was cancelled or removed."""
        return await self._shelf.database.transact(lambda c: _current(c, key))

    async def report(self, key: AttemptKey, status: PipelineStatus) -> None:
        await self._change(key, lambda job: job_record.reported(job, status))

    async def end(self, key: AttemptKey, decision: Decision) -> None:
        """Carry out what the end of the attempt means; nothing where it is not the running one any more."""
        job = await self._change(key, lambda job: self._ended(job, decision))
        if job is not None and job.state.is_final:
            self._shelf.files.forget_upload(job)

    async def put_back(self, key: AttemptKey) -> None:
        """The host stops: the job waits for its return, and the attempt is not held against it."""
        await self._change(key, lambda job: job_record.queued_again(job, self._shelf.clock(), job.counts, None))

    async def interrupted(self) -> Sequence[JobRecord]:
        """Jobs that were running when the host died; asked once at the start. The time since then was no work."""
        return await self._shelf.database.transact(self._interrupted)

    async def expire(self) -> Sequence[str]:
        """Remove what is past its time; the ids."""
        jobs = await self._shelf.database.transact(self._expire)
        for job in jobs:
            self._shelf.files.forget(job)
        return [job.job_id for job in jobs]

    async def sweep_files(self) -> None:
        """Remove files that no job owns; asked once at the start, before anything is accepted."""
        self._shelf.files.sweep(await self._shelf.database.transact(job_table.everything))

    def _claim(self, connection: sqlite3.Connection) -> JobRecord | None:
        job = job_table.next_queued(connection)
        if job is None:
            return None
        begun = job_record.claimed(job, self._shelf.clock())
        self._shelf.put(connection, begun)
        return begun

    def _interrupted(self, connection: sqlite3.Connection) -> list[JobRecord]:
        jobs = [job_record.silent(job) for job in job_table.running(connection)]
        for job in jobs:
            self._shelf.put(connection, job)
        return jobs

    async def _change(self, key: AttemptKey, change: Callable[[JobRecord], JobRecord]) -> JobRecord | None:
        def work(connection: sqlite3.Connection) -> JobRecord | None:
            job = _current(connection, key)
            if job is None:
                return None
            changed = change(job)
            self._shelf.put(connection, changed)
            return changed

        changed = await self._shelf.database.transact(work)
        if changed is not None:
            self._shelf.changes.announce(key.job_id)
        return changed

    def _ended(self, job: JobRecord, decision: Decision) -> JobRecord:
        now = self._shelf.clock()
        match decision:
            case Complete(result):
                return job_record.completed(job, now, result)
            case Fail(error):
                return job_record.failed(job, now, error)
            case Retry(counts, _, device):
                return job_record.queued_again(job, now, counts, device)
            case Ignore():
                return job

    def _expire(self, connection: sqlite3.Connection) -> list[JobRecord]:
        jobs = job_table.expired(connection, self._shelf.clock())
        for job in jobs:
            job_table.remove(connection, job.job_id)
        return jobs


def _current(connection: sqlite3.Connection, key: AttemptKey) -> JobRecord | None:
    job = job_table.get(connection, key.job_id)
    is_current = job is not None and (job.uid, job.attempt, job.state) == (key.uid, key.attempt, JobState.RUNNING)
    return job if is_current else None
