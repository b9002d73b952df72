"""The stored record of a standalone job, and its state transitions as pure functions."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from ecg_api.ports import JobKind, JobState, JobView, Submission
from ecg_callbacks.decision import callback_view
from ecg_callbacks.types import JobFacts
from ecg_common.redact import redact_url
from ecg_contract.attempt_log import AttemptOutcome, LoggedAttempt, logged
from ecg_contract.attempt_outcome import AttemptCounts, Retry
from ecg_contract.base_model import CamelModel
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.host_protocol import Device, PipelineError, PipelineStatus, ResultReference, Source
from ecg_contract.options import CarriedOptions, options_of
from ecg_contract.stages import reached_stages


def new_uid() -> str:
    return uuid.uuid4().hex


class JobRecord(CarriedOptions, CamelModel):
    """All that is stored of a job, some kilobytes; its result is a file beside the database."""

    job_id: str
    uid: str
    """Distinguishes the job from an earlier one of the same id."""
    kind: JobKind
    state: JobState = JobState.QUEUED
    source: Source
    """May hold a presigned URL until the job is completed."""
    callback_base: str | None = None
    body_key: str
    submitter: str | None = None
    """Name of the API key that it came with."""
    run: int = 1
    """Raised when a failed job is posted again with the same body."""
    attempt: int = 0
    """Counts up over all runs."""
    attempts: tuple[LoggedAttempt, ...] = ()
    """The last attempts of all runs, in order; the running one, too."""
    counts: AttemptCounts = AttemptCounts()
    device: Device = Device.AUTO
    """The device of the next attempt; `CPU` after a failure on the GPU."""
    submitted_at: datetime
    started_at: datetime | None = None
    attempt_started_at: datetime | None = None
    completed_at: datetime | None = None
    worked_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds of work in the run's ended attempts."""
    fetch_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds that the attempt's download took."""
    in_analysis: bool = False
    """Whether the running attempt has got beyond its download."""
    pipeline: PipelineStatus | None = None
    error: PipelineError | None = None
    delivery: DeliveryRecord = DeliveryRecord()

    @property
    def is_transcription(self) -> bool:
        return self.kind is JobKind.TRANSCRIPTION

    @property
    def result(self) -> ResultReference | None:
        return self.pipeline.result if self.pipeline and self.state is JobState.COMPLETED else None


def submitted(submission: Submission, now: datetime, uid: str) -> JobRecord:
    return JobRecord(
        job_id=submission.job_id,
        uid=uid,
        kind=submission.kind,
        source=submission.source,
        **options_of(submission.options),
        callback_base=submission.callback_base,
        body_key=submission.body_key,
        submitter=submission.submitter.name if submission.submitter else None,
        submitted_at=now,
    )


def rerun(old: JobRecord, submission: Submission, now: datetime, uid: str) -> JobRecord:
    """The new run of a failed or cancelled job, with its URL's new signature; with another body, a new job."""
    fresh = submitted(submission, now, uid)
    if old.body_key != submission.body_key:
        return fresh
    again = {"source": fresh.source, "callback_base": fresh.callback_base}
    return retried(old.model_copy(update=again), now)


def retried(old: JobRecord, now: datetime) -> JobRecord:
    """The new run of a failed or cancelled job, as it was posted."""
    kept = ("job_id", "uid", "kind", "source", "callback_base", "body_key", "submitter", "attempt", "attempts")
    fields = {name: getattr(old, name) for name in kept}
    return JobRecord(**fields, **options_of(old), run=old.run + 1, submitted_at=now)


def claimed(job: JobRecord, now: datetime) -> JobRecord:
    """Begin a new attempt."""
    number, device = job.attempt + 1, job.device if job.enable_gpu else Device.CPU
    running = LoggedAttempt(number=number, device=device, start_time=now, outcome=AttemptOutcome.RUNNING)
    return job.model_copy(
        update={
            "state": JobState.RUNNING,
            "attempt": number,
            "attempts": logged(job.attempts, running),
            "started_at": job.started_at or now,
            "attempt_started_at": now,
            "fetch_s": 0.0,
            "in_analysis": False,
            "pipeline": PipelineStatus(attempt=number),
        }
    )


def fetched(job: JobRecord, now: datetime) -> JobRecord:
    """The media is on the disk; the time until the analysis begins is no work."""
    over = _attempt_over(job, now)
    return over.model_copy(update={"fetch_s": over.worked_s - job.worked_s})


def in_analysis(job: JobRecord, now: datetime) -> JobRecord:
    return job.model_copy(update={"attempt_started_at": now, "in_analysis": True})


def reported(job: JobRecord, status: PipelineStatus) -> JobRecord:
    return job.model_copy(update={"pipeline": status})


def put_back(job: JobRecord, now: datetime) -> JobRecord:
    """End the attempt, which counts as no failure, and queue the job in its old place."""
    return _ended(job, now, AttemptOutcome.PUT_BACK).model_copy(update={"state": JobState.QUEUED})


def queued_again(job: JobRecord, now: datetime, retry: Retry) -> JobRecord:
    """End the attempt and queue the job in its old place."""
    again = {"state": JobState.QUEUED, "counts": retry.counts, "device": retry.device or job.device}
    return _ended(job, now, retry.outcome).model_copy(update=again)


def silent(job: JobRecord) -> JobRecord:
    """End the attempt of a host that died, at the time of its last stored report."""
    last_heartbeat = job.pipeline.heartbeat_time if job.pipeline else None
    return _attempt_over(job, last_heartbeat or job.attempt_started_at or job.submitted_at)


def completed(job: JobRecord, now: datetime, result: ResultReference) -> JobRecord:
    """Complete the job and drop the credential from its source URL."""
    status = (job.pipeline or PipelineStatus(attempt=job.attempt)).model_copy(update={"result": result, "error": None})
    source = Source(url=redact_url(job.source.url)) if job.source.url else job.source
    return _ended(job, now, AttemptOutcome.COMPLETED).model_copy(
        update={"state": JobState.COMPLETED, "completed_at": now, "pipeline": status, "source": source}
    )


def failed(job: JobRecord, now: datetime, error: PipelineError) -> JobRecord:
    over = _ended(job, now, AttemptOutcome.FAILED)
    return over.model_copy(update={"state": JobState.FAILED, "completed_at": now, "error": error})


def cancelled(job: JobRecord, now: datetime) -> JobRecord:
    over = _ended(job, now, AttemptOutcome.CANCELLED)
    return over.model_copy(update={"state": JobState.CANCELLED, "completed_at": now})


def facts(job: JobRecord) -> JobFacts:
    """The facts that callbacks are derived from."""
    terminal: Literal["completed", "failed"] | None = None
    if job.state is JobState.COMPLETED:
        terminal = "completed"
    elif job.state is JobState.FAILED:
        terminal = "failed"
    return JobFacts(
        uid=job.uid,
        job_id=job.job_id,
        callback_base=job.callback_base,
        run=job.run,
        reached=reached_stages(job.pipeline.stages) if job.pipeline else (),
        terminal=terminal,
        cancelled=job.state is JobState.CANCELLED,
        result=job.result,
        error_code=job.error.code if job.error else None,
        error_message=job.error.message if job.error else None,
        traceparent=job.traceparent,
    )


def expires_at(job: JobRecord, ttl: timedelta) -> datetime | None:
    """When the job may be removed; None until it is final and its terminal callback is settled."""
    if not job.state.is_final or job.completed_at is None:
        return None
    if job.callback_base is None or job.state is JobState.CANCELLED:
        return job.completed_at + ttl
    return job.delivery.terminal.time + ttl if job.delivery.terminal else None


def view(job: JobRecord, queue_position: int | None = None, eta: datetime | None = None) -> JobView:
    return JobView(
        job_id=job.job_id,
        state=job.state,
        attempt=job.attempt,
        started_at=job.started_at,
        completed_at=job.completed_at,
        pipeline=job.pipeline,
        error=job.error,
        callback=callback_view(job.delivery, facts(job)),
        queue_position=queue_position,
        eta=eta,
        submitted_at=job.submitted_at,
        language=language_of(job),
        kind=job.kind,
        metadata=job.metadata,
        attempts=job.attempts,
        callback_tries=job.delivery.tries if job.delivery.run == job.run else (),
    )


def language_of(job: JobRecord) -> str:
    return job.pipeline.result.language if job.pipeline and job.pipeline.result else job.language.value


def _attempt_over(job: JobRecord, now: datetime) -> JobRecord:
    if job.attempt_started_at is None:
        return job
    worked = job.worked_s + max(0.0, (now - job.attempt_started_at).total_seconds())
    return job.model_copy(update={"worked_s": worked, "attempt_started_at": None})


def _ended(job: JobRecord, now: datetime, outcome: AttemptOutcome) -> JobRecord:
    """Without a running attempt, whose outcome is logged."""
    over = _attempt_over(job, now)
    last = next((one for one in job.attempts if one.outcome is AttemptOutcome.RUNNING), None)
    if last is None:
        return over
    ended = last.model_copy(update={"end_time": now, "outcome": outcome})
    return over.model_copy(update={"attempts": logged(job.attempts, ended)})
