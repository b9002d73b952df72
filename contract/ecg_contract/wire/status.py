"""What the API says about jobs: their status, and their callbacks. Beyond the specification but for three keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, WithJsonSchema

from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.base_model import WireModel
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import Part
from ecg_contract.stages import Stage
from ecg_contract.wire.models import CallbackStatus

AnyStage = Annotated[
    Literal["queued"] | Stage, WithJsonSchema({"type": "string", "enum": ["queued", *(stage.value for stage in Stage)]})
]
"""One enum in the schema, of which code generators make something better than of a union."""


class CallbackView(WireModel):
    """How the delivery of a job's callbacks stands."""

    state: Literal["disabled", "pending", "retrying", "delivered", "rejected", "undelivered"]
    """Of the terminal callback, once there is one; `disabled` sends none."""
    delivered_progress: int = 0
    """Highest percentage that the backend has acknowledged."""
    tries: int = 0
    """Tries of the callback that is being sent."""
    next_try: datetime | None = None
    """When it is tried again; null where it has not failed."""
    last_error: str | None = None
    """Why the last try failed."""


class CallbackTryView(WireModel):
    """One try of one callback."""

    time: datetime
    """When it was over."""
    status: CallbackStatus
    """Its `status` on the wire."""
    progress: int | None = None
    """Its `progress` on the wire."""
    http_status: int | None = None
    """The backend's answer; null where there was none."""
    error: str | None = None
    """Why it was not acknowledged; null where it was."""


class JobCallbacksResponse(WireModel):
    """`GET /jobs/{job_id}/callbacks`: how the delivery stands, and the last eight tries of the current run."""

    callback: CallbackView
    """How the delivery stands."""
    tries: list[CallbackTryView]
    """In order, the last one at the end."""


class AttemptView(WireModel):
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


class JobAttemptsResponse(WireModel):
    """`GET /jobs/{job_id}/attempts`: the last five attempts, of all runs."""

    attempts: list[AttemptView]
    """In order, the last one at the end."""


class JobError(WireModel):
    """Why a job failed."""

    code: ErrorCode
    """The specification's."""
    message: str
    """What went wrong and what to do about it."""


class JobStatusResponse(WireModel):
    """`GET /jobs/{job_id}`: the specification's three keys first."""

    status: Literal["processing", "completed", "failed", "cancelled"]
    """`processing` also while it waits."""
    processing_time: FiniteFloat | None = None
    """Seconds of the analysis; of the time so far while it runs."""
    completed_at: datetime | None = None
    """When it ended."""
    job_id: str
    """The request's, or the one that the server chose."""
    submitted_at: datetime | None = None
    """When it was accepted."""
    language: str | None = None
    """The language that was found, or else the one that the request names."""
    progress: FiniteFloat = 0.0
    """Percent, finer than the callbacks'."""
    stage: AnyStage = "queued"
    """What is being worked on."""
    message: str = ""
    """The stage for people, in Korean; or what it waits for."""
    part_seconds: dict[Part, FiniteFloat] = Field(default_factory=dict)
    """Wall time of the parts of the analysis that are over; recognition may run beside diarization."""
    notes: list[str] = Field(default_factory=list)
    """Fallbacks taken, such as a smaller model."""
    attempt: int = 0
    """Number of attempts so far, over all runs."""
    queue_position: int | None = None
    """1 for the job that starts next; only while it waits in the queue."""
    eta: datetime | None = None
    """When the job will probably be completed, by the running means of earlier jobs; absent while there are none."""
    eta_seconds: FiniteFloat | None = None
    """Seconds from now to `eta`."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """The request's own."""
    error: JobError | None = None
    """Why it failed."""
    callback: CallbackView
    """How the delivery of its callbacks stands."""


class JobListResponse(WireModel):
    """`GET /jobs`: the newest jobs first."""

    jobs: list[JobStatusResponse]
    """The page, the newest job first."""
    cursor: str | None
    """Asks for the next page; null on the last one."""
