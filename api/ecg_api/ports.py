"""The ports between the HTTP API and the job store: SQLite on this host, or VideoJobs in a cluster."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from ecg_contract.attempt_log import LoggedAttempt
from ecg_contract.delivery_record import CallbackTry
from ecg_contract.host_protocol import PipelineError, PipelineStatus, Source
from ecg_contract.options import CarriedOptions
from ecg_contract.wire.status import CallbackView


class JobKind(StrEnum):
    """The result of a video is sent by callbacks, that of a transcription in the HTTP response."""

    VIDEO = "video"
    TRANSCRIPTION = "transcription"


class JobState(StrEnum):
    """The state of a job's current run."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)

    @property
    def may_run_again(self) -> bool:
        return self in (JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Submitter:
    """Whose API key a request came with."""

    name: str
    """The key's."""
    queued_jobs: int | None = None
    """Most of its jobs that may wait; None has no limit."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A validated request, as it is stored."""

    job_id: str
    kind: JobKind
    source: Source
    options: CarriedOptions
    callback_base: str | None
    """Where callbacks go; None sends none."""
    body_key: str
    """Digest of the request without URL signatures: equal keys are the same body."""
    work_limit_s: float | None = None
    """Seconds of work after which the client no longer waits for the result; None has no such limit."""
    submitter: Submitter | None = None
    """None where no key was asked for."""


class SubmitOutcome(StrEnum):
    """What a submission did. `REDELIVERED` is answered with the state `completed`, `CONFLICT` with 409."""

    CREATED = "created"
    SAME = "same"
    """The job is queued or running already, with the same body."""
    REDELIVERED = "redelivered"
    """The job is completed, with the same body: its terminal callback is delivered again."""
    RERUN = "rerun"
    """The job had failed or was cancelled, and runs again with the submitted body."""
    CONFLICT = "conflict"
    """The job is queued, running or completed, with another body."""


@dataclass(frozen=True, slots=True)
class JobView:
    """The state of a job, without its request."""

    job_id: str
    state: JobState
    attempt: int
    started_at: datetime | None
    completed_at: datetime | None
    pipeline: PipelineStatus | None
    error: PipelineError | None
    callback: CallbackView
    queue_position: int | None = None
    """1 for the job that starts next; None where it does not wait for a slot."""
    eta: datetime | None = None
    """When it will probably be completed; None where nothing is known of it."""
    submitted_at: datetime | None = None
    language: str | None = None
    """The language that was found, or else the one that the request names."""
    kind: JobKind = JobKind.VIDEO
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The request's own."""
    callback_tries: Sequence[CallbackTry] = ()
    """The last tries of the run's callbacks, in order."""
    attempts: Sequence[LoggedAttempt] = ()
    """The last attempts of all runs, in order, with the current one."""


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs are listed; all conditions hold."""

    states: frozenset[JobState] = frozenset()
    """Empty for any."""
    language: str | None = None
    submitted_since: datetime | None = None
    submitted_before: datetime | None = None
    undelivered: bool = False
    """Only jobs whose terminal callback was given up, or rejected for good."""
    metadata: tuple[tuple[str, str], ...] = ()
    """Names and values that a job's request has to have."""
    limit: int = 50
    after: str | None = None
    """The cursor of the page before."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Jobs, the newest first."""

    jobs: Sequence[JobView]
    cursor: str | None
    """With which the next page is asked for; None on the last one."""


class JobStore(Protocol):
    """Stores jobs. Every method may raise StoreUnavailableError."""

    async def submit(self, submission: Submission) -> SubmitOutcome:
        """Store a job durably. Raises QueueFullError, also where the submitter's own limit is reached."""

    async def get(self, job_id: str) -> JobView | None: ...

    async def result(self, job_id: str) -> IO[bytes] | None:
        """The completed job's result as wire JSON, to be closed by the caller; None while there is none.

        It stays readable when the job is removed meanwhile.
        """

    async def delete(self, job_id: str) -> bool:
        """Stop the work and remove the job with its files, without a callback; False where there is no such job."""

    def follow(self, job_id: str) -> AsyncIterator[JobView]:
        """The job now and after each change, up to its final state or its removal."""

    async def cancel(self, job_id: str) -> None:
        """Stop the work and mark the job `CANCELLED`; does nothing to a job that is final or unknown."""

    async def retry(self, job_id: str, submitter: Submitter | None = None) -> bool:
        """Run a failed or cancelled job again, as it was posted; False where it is in another state or unknown, or its
        media was an upload, which is gone. Raises QueueFullError, also where the limit of `submitter`, who asks for it,
        is reached."""

    async def list_jobs(self, query: JobQuery) -> JobPage:
        """The newest jobs that `query` names. Raises ValueError for a cursor that is none."""

    async def missing(self) -> Sequence[str]:
        """The reasons, a sentence each, why this store cannot accept jobs; empty when it is ready."""


@dataclass(frozen=True, slots=True)
class UploadSlot:
    """Where an upload is written. The store owns the file once its job is submitted."""

    path: Path
    name: str = "upload"


class Uploads(Protocol):
    """Reserves paths for uploads."""

    async def slot(self, name: str) -> UploadSlot:
        """A new path for the upload called `name`. Raises StoreUnavailableError."""


class Redelivery(Protocol):
    """Terminal callbacks that the backend has not accepted."""

    async def redeliver(self, job_id: str) -> bool:
        """Schedule the terminal callback again; False where the job has none."""
