"""Whether the current attempt has ended, and how: pure. `attempt_outcome` decides what that means for the job."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from ecg_common.redact import redact_text
from ecg_contract.attempt_log import AttemptOutcome, LoggedAttempt, logged
from ecg_contract.attempt_outcome import AttemptEnd, Cause
from ecg_contract.errors import ExitCode, exit_code_of
from ecg_contract.host_protocol import PipelineError
from ecg_contract.videojob.resource import Attempt, VideoJob, VideoJobStatus
from ecg_operator.observe.snapshot import Ended, Observed, ObservedJob, ObservedPod
from ecg_operator.settings import OperatorSettings, seconds


def attempt_end(observed: Observed, settings: OperatorSettings, now: datetime) -> AttemptEnd | None:
    """None while it goes on. The report of its pod comes first: the API server takes it from no other."""
    attempt = observed.videojob.status.attempt
    if attempt is None:
        return None
    return (
        _reported(observed.videojob) or _observed_end(observed, attempt) or _overdue(observed, attempt, settings, now)
    )


def active_time(videojob: VideoJob, now: datetime) -> timedelta:
    """Working time over all attempts of the run, without the time in queues."""
    status = videojob.status
    started = status.attempt.start_time if status.attempt else None
    current = now - started if started else timedelta(0)
    return seconds(status.active_seconds) + max(current, timedelta(0))


def active_seconds(videojob: VideoJob, now: datetime) -> float:
    """`active_time` as the status has it: seconds to the millisecond."""
    return round(active_time(videojob, now).total_seconds(), 3)


def with_logged_attempt(status: VideoJobStatus, outcome: AttemptOutcome, now: datetime) -> VideoJobStatus:
    """`status` with the end of its attempt in the log; an attempt that is logged already stays as it is."""
    attempt = status.attempt
    if attempt is None or any(one.number == attempt.number for one in status.attempts):
        return status
    ended = LoggedAttempt(
        number=attempt.number,
        device=attempt.profile,
        start_time=attempt.start_time,
        end_time=now,
        outcome=outcome,
    )
    return status.model_copy(update={"attempts": logged(status.attempts, ended)})


def deadline(videojob: VideoJob, settings: OperatorSettings) -> timedelta:
    return seconds(videojob.spec.active_deadline_seconds or settings.job_deadline_s)


def _reported(videojob: VideoJob) -> AttemptEnd | None:
    report = videojob.status.report
    if report is not None and report.result is not None:
        return AttemptEnd(Cause.EXITED, 0, result=report.result)
    if report is not None and report.error is not None:
        return AttemptEnd(Cause.EXITED, int(exit_code_of(report.error.code)), error=_redacted(report.error))
    return None


def _observed_end(observed: Observed, attempt: Attempt) -> AttemptEnd | None:
    job, pod = observed.job(), observed.pod()
    if job is None or job.deleted:
        return AttemptEnd(Cause.INTERRUPTED) if attempt.job_uid or observed.standby_lost else None
    if job.suspended:
        return None
    if pod is None:
        return _without_pod(job, attempt)
    if pod.ended is not None:
        return _end_of(pod.ended, _termination_message(pod))
    if job.failed is not None and job.failed.deadline:
        return _end_of(job.failed)
    return AttemptEnd(Cause.INTERRUPTED) if pod.deleted else None


def _redacted(error: PipelineError) -> PipelineError:
    """A pod's own text may quote URLs."""
    return error.model_copy(update={"message": redact_text(error.message)})


def _without_pod(job: ObservedJob, attempt: Attempt) -> AttemptEnd | None:
    """The pod may not have been created yet; one that was assigned was deleted, with its node or by a person."""
    if job.failed:
        return _end_of(job.failed)
    return AttemptEnd(Cause.INTERRUPTED) if attempt.pod_uid else None


def _end_of(ended: Ended, error: PipelineError | None = None) -> AttemptEnd:
    if ended.deadline:
        return AttemptEnd(Cause.DEADLINE)
    if ended.out_of_memory:
        return AttemptEnd(Cause.OUT_OF_MEMORY, ended.exit_code)
    if ended.out_of_disk:
        return AttemptEnd(Cause.OUT_OF_DISK, ended.exit_code)
    if (
        ended.interrupted or ended.exit_code == ExitCode.FENCED
    ):  # it was the current attempt's pod and should not have stopped
        return AttemptEnd(Cause.INTERRUPTED, ended.exit_code)
    return AttemptEnd(Cause.EXITED, ended.exit_code, error=error)


def _termination_message(pod: ObservedPod) -> PipelineError | None:
    """The error that it wrote there, for a pod whose last report did not arrive."""
    try:
        return PipelineError.model_validate_json(pod.ended.message) if pod.ended and pod.ended.message else None
    except ValidationError:
        return None


def _overdue(observed: Observed, attempt: Attempt, settings: OperatorSettings, now: datetime) -> AttemptEnd | None:
    if attempt.start_time is None:
        return None
    if active_time(observed.videojob, now) >= deadline(observed.videojob, settings):
        return AttemptEnd(Cause.DEADLINE)
    return AttemptEnd(Cause.LOST) if observed.silence >= seconds(settings.heartbeat_lost_s) else None
