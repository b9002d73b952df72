"""The standalone host's jobs as the runner sees them: attempts begin, report and end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecg_api.ports import JobState
from ecg_api.standalone.storage import job_record
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.job_table import FirstStep, JobTable
from ecg_api.standalone.storage.storage import Storage
from ecg_contract.attempt_outcome import Complete, Decision, Fail, Ignore, Retry
from ecg_contract.host_protocol import Device, PipelineStatus


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """One attempt at one job. Reports of any other attempt are ignored."""

    job_id: str
    uid: str
    attempt: int


def key_of(job: JobRecord) -> AttemptKey:
    return AttemptKey(job.job_id, job.uid, job.attempt)


class RunQueue:
    """Queued jobs in order, and the state of the running attempt. All methods raise StoreUnavailableError."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def next_device(self) -> Device:
        """The device that the next queued job runs on; AUTO where none is queued."""
        job = await self._storage.query(JobTable.next_queued)
        return job.device if job else Device.AUTO

    async def claim(self, step: FirstStep | None = None) -> JobRecord | None:
        """The next queued job, or the next that begins with `step`, with a new attempt begun; None without one."""
        async with self._storage.transaction() as table:
            job = table.next_queued(step)
            if job is None:
                return None
            job = job_record.claimed(job, table.now)
            table.put(job)
        self._storage.changes.announce(job.job_id)
        return job

    async def current(self, key: AttemptKey) -> JobRecord | None:
        """The job while `key` is its running attempt; None when it was cancelled or removed."""
        return await self._storage.query(lambda table: _current(table, key))

    async def fetched(self, key: AttemptKey) -> None:
        """The job's media is on the disk: until the analysis begins, the job waits."""
        now = self._storage.clock()
        await self._change(key, lambda job: job_record.fetched(job, now))

    async def begin_analysis(self, key: AttemptKey) -> JobRecord | None:
        """The job, worked on again; None when it was cancelled or removed."""
        now = self._storage.clock()
        return await self._change(key, lambda job: job_record.in_analysis(job, now))

    async def report(self, key: AttemptKey, status: PipelineStatus) -> None:
        """Store the attempt's status."""
        await self._change(key, lambda job: job_record.reported(job, status))

    async def end(self, key: AttemptKey, decision: Decision) -> None:
        """Apply the decision on the attempt's end, unless the attempt is no longer the running one."""
        job = await self._change(key, lambda job: self._ended(job, decision))
        if job is not None and job.state.is_final:
            self._storage.files.forget_media(job)

    async def put_back(self, key: AttemptKey) -> None:
        """Queue the job again because the host stops; the attempt does not count as a failure."""
        now = self._storage.clock()
        await self._change(key, lambda job: job_record.put_back(job, now))

    async def interrupted(self) -> Sequence[JobRecord]:
        """Jobs that were running when the host died, for use at the start. Downtime does not count as working time."""
        async with self._storage.transaction() as table:
            jobs = [job_record.silent(job) for job in table.running()]
            for job in jobs:
                table.put(job)
        return jobs

    async def expire(self) -> Sequence[str]:
        """Remove the jobs whose retention time is over, with their files; returns their ids."""
        async with self._storage.transaction() as table:
            jobs = table.expired()
            for job in jobs:
                table.remove(job.job_id)
        for job in jobs:
            self._storage.files.forget(job)
        return [job.job_id for job in jobs]

    async def sweep_files(self) -> None:
        """Remove files that no job owns; for use at the start, before requests are served."""
        self._storage.files.sweep(await self._storage.query(JobTable.all))

    async def _change(self, key: AttemptKey, change: Callable[[JobRecord], JobRecord]) -> JobRecord | None:
        async with self._storage.transaction() as table:
            job = _current(table, key)
            if job is None:
                return None
            job = change(job)
            table.put(job)
        self._storage.changes.announce(key.job_id)
        return job

    def _ended(self, job: JobRecord, decision: Decision) -> JobRecord:
        now = self._storage.clock()
        match decision:
            case Complete(result):
                return job_record.completed(job, now, result)
            case Fail(error):
                return job_record.failed(job, now, error)
            case Retry():
                return job_record.queued_again(job, now, decision)
            case Ignore():
                return job


def _current(table: JobTable, key: AttemptKey) -> JobRecord | None:
    job = table.get(key.job_id)
    is_current = job is not None and (job.uid, job.attempt, job.state) == (key.uid, key.attempt, JobState.RUNNING)
    return job if is_current else None
