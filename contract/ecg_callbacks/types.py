"""Values of the delivery of callbacks: a job's facts, the callback that is due, a failure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import ResultReference
from ecg_contract.stages import Stage
from ecg_contract.wire.models import CallbackStatus


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the host's durable state says about a job."""

    uid: str
    """Tells a job from another that had the same `job_id`."""
    job_id: str
    callback_base: str | None
    """None: nothing is sent."""
    run: int = 1
    reached: tuple[Stage, ...] = ()
    """`stages.reached_stages` of the current attempt."""
    terminal: Literal["completed", "failed"] | None = None
    cancelled: bool = False
    """Nothing more is sent."""
    result: ResultReference | None = None
    """Of a completed job."""
    error_code: ErrorCode | None = None
    error_message: str | None = None
    traceparent: str | None = None
    """The trace of the job's caller."""


@dataclass(frozen=True, slots=True)
class Due:
    """A callback to be sent now."""

    run: int
    redelivery: int
    status: CallbackStatus
    progress: int | None
    message: str | None
    webhook_id: str
    """The same for every try of this callback, also after a restart."""
    at: datetime
    """Time of the decision, which is the start of the try."""
    backlog: int
    """Highest progress reached at the decision; a terminal callback gives up all of it."""
    early: bool = False
    """Sent ahead of its schedule; a failure does not change the schedule."""
    until: datetime | None = None
    """When progress has to make way for the terminal callback; None while there is none."""

    @property
    def is_terminal(self) -> bool:
        return self.status != "processing"


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Something is to be sent, not before `time`."""

    time: datetime


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be sent until the job's state changes."""


Decision = Due | WaitUntil | Nothing


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that was not acknowledged."""

    error: str
    """Text for people and logs, without credentials."""
    http_status: int | None = None
    retry_after: timedelta | None = None

    @property
    def is_final(self) -> bool:
        """410 (gone) and 413 (too large): trying again cannot help."""
        return self.http_status in (410, 413)
