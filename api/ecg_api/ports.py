"""The ports between the front door and whatever keeps the jobs: SQLite beside it, or VideoJobs in a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from ecg_contract.host_protocol import Language, PipelineError, PipelineStatus, Source
from ecg_contract.wire.models import CallbackView


class JobKind(StrEnum):
    """A video is answered by callbacks, a transcription by the response itself."""

    VIDEO = "video"
    TRANSCRIPTION = "transcription"


class JobState(StrEnum):
    """What a job's record says; `COMPLETED`, `FAILED` and `CANCELLED` are final for a run."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request as it is stored: checked, with its callback base decided."""

    job_id: str
    kind: JobKind
    source: Source
    language: Language
    emotion_detection: bool
    enable_gpu: bool
    max_workers: int
    callback_base: str | None
    """Where callbacks go; None sends none."""
    body_key: str
    """Digest of the request without URL signatures: equal keys are the same body."""
    work_limit_s: float | None = None
    """Seconds of work after which nobody waits for the result; for hosts whose work outlives this process."""


class SubmitOutcome(StrEnum):
    """What a submission did; all but `CONFLICT` are answered alike."""

    CREATED = "created"
    SAME = "same"
    """Queued or running already with the same body."""
    REDELIVERED = "redelivered"
    """Completed already with the same body: the stored result is delivered once more."""
    RERUN = "rerun"
    """It had failed or was cancelled, and runs again with the body given."""
    CONFLICT = "conflict"
    """Another body under this job id is queued, running or completed."""


@dataclass(frozen=True, slots=True)
class JobView:
    """What a reader may know about a job."""

    job_id: str
    state: JobState
    attempt: int
    started_at: datetime | None
    completed_at: datetime | None
    pipeline: PipelineStatus | None
    error: PipelineError | None
    callback: CallbackView


class JobStore(Protocol):
    """Where the front door puts jobs and reads them back."""

    async def submit(self, submission: Submission) -> SubmitOutcome:
        """Store a job durably before returning. Raises QueueFullError, StoreUnavailableError."""

    async def get(self, job_id: str) -> JobView | None: ...

    async def result(self, job_id: str) -> IO[bytes] | None:
        """The completed job's final wire JSON, for whoever asked to read and close: whole, also when the job is removed
        meanwhile. None while there is none. Raises StoreUnavailableError where it cannot be read."""

    async def delete(self, job_id: str) -> bool:
        """Stop the work, remove the job and its files, send nothing; False where there was no such job."""

    async def wait(self, job_id: str, timeout_s: float) -> JobView | None:
        """The job once it is final, or as it stands when the time is over; None where it is gone."""

    async def cancel(self, job_id: str) -> None:
        """Stop the work and keep the record as `CANCELLED`; nothing happens to a job that is final or unknown."""

    async def missing(self) -> Sequence[str]:
        """What keeps this store from taking jobs, a sentence each; empty when it is ready."""


@dataclass(frozen=True, slots=True)
class UploadSlot:
    """Where an upload is written before its job is submitted; the store owns the file afterwards."""

    path: Path
    name: str = field(default="upload")


class Uploads(Protocol):
    """Where uploads land."""

    async def slot(self, name: str) -> UploadSlot:
        """A fresh path for the upload called `name`. Raises StoreUnavailableError."""


class Redelivery(Protocol):
    """Terminal callbacks that the backend never took."""

    async def undelivered(self) -> Sequence[JobView]:
        """Jobs whose terminal callback was given up on, or rejected for good."""

    async def redeliver(self, job_id: str) -> bool:
        """Make the terminal callback due again; False where there is none to deliver."""
