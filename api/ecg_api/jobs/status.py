"""Converts a job to the response of the status endpoint."""

from datetime import datetime
from typing import Literal

from ecg_api.context import to_second
from ecg_api.ports import JobKind, JobState, JobView
from ecg_contract.attempt_log import LoggedAttempt
from ecg_contract.host_protocol import Part, PipelineStatus
from ecg_contract.stages import Stage
from ecg_contract.wire.status import AttemptView, JobError, JobStatusResponse

WireState = Literal["processing", "completed", "failed", "cancelled"]

_STATES: dict[JobState, WireState] = {
    JobState.QUEUED: "processing",
    JobState.RUNNING: "processing",
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}

_NO_CALLBACKS = "no callbacks are sent: the request names no fastapi_base_url, and the server has no backend of its own"


def status_of(job: JobView, now: datetime) -> JobStatusResponse:
    pipeline = job.pipeline
    return JobStatusResponse(
        status=_STATES[job.state],
        processing_time=processing_time_of(job, now),
        completed_at=to_second(job.completed_at) if job.completed_at else None,
        job_id=job.job_id,
        submitted_at=to_second(job.submitted_at) if job.submitted_at else None,
        language=job.language,
        progress=100.0 if job.state is JobState.COMPLETED else pipeline.progress if pipeline else 0.0,
        stage=_stage(job),
        message=Stage.COMPLETED.message if job.state is JobState.COMPLETED else pipeline.message if pipeline else "",
        part_seconds=_part_seconds(pipeline),
        notes=[*(pipeline.notes if pipeline else ()), *_hints(job)],
        attempt=job.attempt,
        queue_position=job.queue_position,
        eta=to_second(job.eta) if job.eta else None,
        eta_seconds=max(0.0, round((job.eta - now).total_seconds(), 1)) if job.eta else None,
        metadata=dict(job.metadata),
        error=JobError(code=job.error.code, message=job.error.message) if job.error else None,
        callback=job.callback,
    )


def _part_seconds(pipeline: PipelineStatus | None) -> dict[Part, float]:
    """In the order of the analysis; parts that run side by side end in any order."""
    parts = pipeline.parts if pipeline else {}
    return {part: parts[part].seconds for part in Part if part in parts}


def _hints(job: JobView) -> tuple[str, ...]:
    """What a client that waits for callbacks in vain should know."""
    is_silent = job.callback.state == "disabled" and job.kind is JobKind.VIDEO and job.state is not JobState.CANCELLED
    return (_NO_CALLBACKS,) if is_silent else ()


def _stage(job: JobView) -> Literal["queued"] | Stage:
    if job.state is JobState.COMPLETED:
        return Stage.COMPLETED
    if job.state is JobState.QUEUED or job.pipeline is None:
        return "queued"
    return job.pipeline.stage


def processing_time_of(job: JobView, now: datetime) -> float | None:
    """Seconds of the analysis where known, else from the job's start to its end or `now`; None before the start."""
    if job.state is JobState.COMPLETED and job.pipeline and job.pipeline.result:
        return round(job.pipeline.result.processing_time, 3)
    if job.started_at is None:
        return None
    return round(max(0.0, ((job.completed_at or now) - job.started_at).total_seconds()), 3)


def attempt_view(attempt: LoggedAttempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        device=attempt.device,
        started_at=to_second(attempt.start_time) if attempt.start_time else None,
        ended_at=to_second(attempt.end_time) if attempt.end_time else None,
        outcome=attempt.outcome,
    )
