"""What the API says about jobs: their status, and their callbacks. Beyond the specification but for three keys."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, FiniteFloat

from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import Part
from ecg_contract.stages import Stage
from ecg_contract.wire.models import CallbackStatus


class CallbackView(BaseModel):
    """How the delivery of a job's callbacks stands."""

    state: Literal["disabled", "pending", "retrying", "delivered", "rejected", "undelivered"]
    delivered_progress: int = 0
    """Highest percentage that the backend has acknowledged."""
    tries: int = 0
    """Tries of the callback that is being sent."""
    next_try: datetime | None = None
    last_error: str | None = None


class CallbackTryView(BaseModel):
    """One try of one callback."""

    time: datetime
    """When it was over."""
    status: CallbackStatus
    progress: int | None = None
    http_status: int | None = None
    """The backend's answer; null where there was none."""
    error: str | None = None
    """Why it was not acknowledged; null where it was."""


class JobCallbacksResponse(BaseModel):
    """`GET /jobs/{job_id}/callbacks`: how the delivery stands, and the last eight tries of the current run."""

    callback: CallbackView
    tries: list[CallbackTryView]
    """In order, the last one at the end."""


class AttemptView(BaseModel):
    """One attempt at a job."""

    number: int
    """Counts up over all runs of the job."""
    device: str
    """What it was to run on: `gpu`, `cpu`, or `auto` for the GPU where the machine has one."""
    started_at: datetime | None = None
    """When its work began; null while it waits."""
    ended_at: datetime | None = None
    """Null while it goes on."""
    outcome: AttemptOutcome
    """How it stands or ended: after an end that is not `completed`, `failed` or `cancelled` the job is tried again."""


class JobAttemptsResponse(BaseModel):
    """`GET /jobs/{job_id}/attempts`: the last five attempts, of all runs."""

    attempts: list[AttemptView]
    """In order, the last one at the end."""


class JobError(BaseModel):
    code: ErrorCode
    message: str


class JobStatusResponse(BaseModel):
    """`GET /jobs/{job_id}`: the specification's three keys first."""

    status: Literal["processing", "completed", "failed", "cancelled"]
    processing_time: FiniteFloat | None = None
    """Seconds of the analysis; of the time so far while it runs."""
    completed_at: datetime | None = None
    job_id: str
    submitted_at: datetime | None = None
    language: str | None = None
    """The language that was found, or else the one that the request names."""
    progress: FiniteFloat = 0.0
    stage: Literal["queued"] | Stage = "queued"
    message: str = ""
    part_seconds: dict[Part, FiniteFloat] = Field(default_factory=dict)
    """Wall time of the parts of the analysis that are over; recognition may run beside diarization."""
    notes: list[str] = Field(default_factory=list)
    attempt: int = 0
    queue_position: int | None = None
    """1 for the job that starts next; only while it waits in the queue."""
    eta: datetime | None = None
    """When the job will probably be completed, by the running means of earlier jobs; absent while there are none."""
    eta_seconds: FiniteFloat | None = None
    """Seconds from now to `eta`."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """The request's own."""
    error: JobError | None = None
    callback: CallbackView


class JobListResponse(BaseModel):
    """`GET /jobs`: the newest jobs first."""

    jobs: list[JobStatusResponse]
    cursor: str | None
    """Asks for the next page; null on the last one."""
