"""The log of a job's attempts: part of the job record in SQLite, `status.attempts` of a VideoJob. Pure."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from ecg_contract.base_model import CamelModel

ATTEMPTS = 5
"""Attempts that are remembered of each job."""


class AttemptOutcome(StrEnum):
    """How an attempt stands or ended; after an end that is none of the first six the job is tried again."""

    WAITING = "waiting"
    """It waits for a node, an image or a volume."""
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    """The VideoJob's `spec.suspend` stopped it."""
    PUT_BACK = "put-back"
    """The server stopped in an orderly way; this counts as no failure."""
    INTERRUPTED = "interrupted"
    """It was terminated, evicted or drained, or its host restarted."""
    LOST = "lost"
    """Nothing was heard of it any more."""
    GPU_MEMORY = "gpu-memory"
    """The GPU had too little memory; the next attempt runs on the CPU."""
    ABORTED = "aborted"
    """The process crashed; the next attempt runs on the CPU."""
    OUT_OF_MEMORY = "out-of-memory"
    OUT_OF_DISK = "out-of-disk"
    UNEXPECTED = "unexpected"
    """It ended without a result and without a reason."""


class LoggedAttempt(CamelModel):
    """One attempt."""

    number: Annotated[int, Field(ge=1)]
    """Counts up over all runs of the job."""
    device: Literal["auto", "cpu", "gpu"]
    """What it was to run on: `gpu`, `cpu`, or `auto` for the GPU where the machine has one."""
    start_time: datetime | None = None
    """When its work began; absent where it had not."""
    end_time: datetime | None = None
    """When it ended; absent while it goes on."""
    outcome: AttemptOutcome
    """How it stands or ended."""


def logged(attempts: Sequence[LoggedAttempt], attempt: LoggedAttempt) -> tuple[LoggedAttempt, ...]:
    """The log with `attempt`, which replaces an entry of the same number; the oldest beyond `ATTEMPTS` are dropped."""
    others = [one for one in attempts if one.number != attempt.number]
    return (*others, attempt)[-ATTEMPTS:]
