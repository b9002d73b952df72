"""A job store in memory with the rules of the real ones; tests set the states of jobs by `move`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.ports import JobPage, JobQuery, JobState, JobView, Submission, SubmitOutcome, Submitter, UploadSlot
from ecg_contract.attempt_log import AttemptOutcome, LoggedAttempt
from ecg_contract.host_protocol import PipelineError
from ecg_contract.wire.status import CallbackView


@dataclass
class _Entry:
    submission: Submission
    view: JobView
    result: Path | None = None


@dataclass
class FakeStore:
    """`JobStore`, `Uploads` and `Redelivery` in memory."""

    folder: Path
    """Folder of the uploads."""
    max_waiting: int = 100
    broken: bool = False
    """Every write fails."""
    missing_parts: tuple[str, ...] = ()
    jobs: dict[str, _Entry] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def submit(self, submission: Submission) -> SubmitOutcome:
        if self.broken:
            raise StoreUnavailableError("the disk is full")
        known = self.jobs.get(submission.job_id)
        if known is not None and known.view.state not in (JobState.FAILED, JobState.CANCELLED):
            if known.submission.body_key != submission.body_key:
                return SubmitOutcome.CONFLICT
            return SubmitOutcome.REDELIVERED if known.view.state.is_final else SubmitOutcome.SAME
        self._check_limits(submission.submitter)
        self.put(submission)
        await self._announce()
        return SubmitOutcome.CREATED if known is None else SubmitOutcome.RERUN

    def put(self, submission: Submission) -> "_Entry":
        """Store without telling anybody, also where there is no event loop."""
        self.jobs[submission.job_id] = _Entry(submission, _queued(submission))
        return self.jobs[submission.job_id]

    async def get(self, job_id: str) -> JobView | None:
        entry = self.jobs.get(job_id)
        return entry.view if entry else None

    async def result(self, job_id: str) -> IO[bytes] | None:
        entry = self.jobs.get(job_id)
        return entry.result.open("rb") if entry and entry.result and entry.result.exists() else None

    async def delete(self, job_id: str) -> bool:
        gone = self.jobs.pop(job_id, None)
        await self._announce()
        return gone is not None

    async def follow(self, job_id: str) -> AsyncIterator[JobView]:
        seen = None
        while (job := await self.get(job_id)) is not None:
            if job != seen:
                yield job
                seen = job
            if job.state.is_final:
                return
            async with self.changed:
                if job == await self.get(job_id):
                    await self.changed.wait()

    async def cancel(self, job_id: str) -> None:
        entry = self.jobs.get(job_id)
        if entry is not None and not entry.view.state.is_final:
            await self.move(job_id, JobState.CANCELLED)

    async def retry(self, job_id: str, submitter: Submitter | None = None) -> bool:
        entry = self.jobs.get(job_id)
        if entry is None or entry.view.state not in (JobState.FAILED, JobState.CANCELLED):
            return False
        self._check_limits(submitter)
        await self.move(job_id, JobState.QUEUED)
        return True

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """Of the conditions, all but `language`."""
        jobs = [entry.view for entry in reversed(self.jobs.values())]
        since, before = query.submitted_since, query.submitted_before
        jobs = [job for job in jobs if since is None or (job.submitted_at and job.submitted_at >= since)]
        jobs = [job for job in jobs if before is None or (job.submitted_at and job.submitted_at < before)]
        if query.undelivered:
            jobs = [job for job in jobs if job.callback.state == "undelivered"]
        jobs = [job for job in jobs if set(query.metadata) <= set(job.metadata.items())]
        jobs = [job for job in jobs if not query.states or job.state in query.states]
        first = int(query.after or 0)
        page = jobs[first : first + query.limit]
        return JobPage(page, str(first + query.limit) if first + query.limit < len(jobs) else None)

    async def missing(self) -> Sequence[str]:
        return self.missing_parts

    async def slot(self, name: str) -> UploadSlot:
        if self.broken:
            raise StoreUnavailableError("the disk is full")
        return UploadSlot(self.folder / f"upload-{len(list(self.folder.iterdir()))}", name)

    async def redeliver(self, job_id: str) -> bool:
        entry = self.jobs.get(job_id)
        if entry is None or entry.view.callback.state != "undelivered":
            return False
        entry.view = replace(entry.view, callback=CallbackView(state="pending"))
        return True

    async def move(
        self,
        job_id: str,
        state: JobState,
        *,
        error: PipelineError | None = None,
        result: Path | None = None,
        callback: CallbackView | None = None,
    ) -> None:
        """Set a job to `state`, as the work behind a real store would."""
        entry, now = self.jobs[job_id], datetime.now(UTC)
        started = entry.view.started_at or now
        entry.result = result
        entry.view = replace(
            entry.view,
            state=state,
            started_at=started,
            attempts=(_attempt(state, started, now),),
            completed_at=now if state.is_final else None,
            error=error,
            callback=callback or entry.view.callback,
        )
        await self._announce()

    async def submitted(self, count: int = 1, timeout_s: float = 5.0) -> str:
        """The id of the newest job, once there are `count`."""
        async with asyncio.timeout(timeout_s), self.changed:
            await self.changed.wait_for(lambda: len(self.jobs) >= count)
        return list(self.jobs)[-1]

    def _check_limits(self, submitter: Submitter | None) -> None:
        unfinished = [entry for entry in self.jobs.values() if not entry.view.state.is_final]
        if len(unfinished) >= self.max_waiting:
            raise QueueFullError
        if submitter is None or submitter.queued_jobs is None:
            return
        own = [e for e in unfinished if e.view.state is JobState.QUEUED and e.submission.submitter == submitter]
        if len(own) >= submitter.queued_jobs:
            raise QueueFullError(submitter.name)

    async def _announce(self) -> None:
        async with self.changed:
            self.changed.notify_all()


def _attempt(state: JobState, started: datetime, now: datetime) -> LoggedAttempt:
    outcome = AttemptOutcome(state) if state is not JobState.QUEUED else AttemptOutcome.WAITING
    return LoggedAttempt(
        number=1, device="auto", start_time=started, end_time=now if state.is_final else None, outcome=outcome
    )


def _queued(submission: Submission) -> JobView:
    return JobView(
        job_id=submission.job_id,
        state=JobState.QUEUED,
        attempt=0,
        started_at=None,
        completed_at=None,
        pipeline=None,
        error=None,
        callback=CallbackView(state="pending" if submission.callback_base else "disabled"),
        submitted_at=datetime.now(UTC),
        language=submission.options.language.value,
        kind=submission.kind,
        metadata=submission.options.metadata,
    )
