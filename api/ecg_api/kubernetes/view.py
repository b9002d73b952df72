"""What the API shows of a VideoJob. Pure."""

from datetime import datetime

from ecg_api.ports import JobKind, JobState, JobView
from ecg_callbacks.decision import callback_view, redeliver
from ecg_callbacks.videojob_facts import facts_of, record_of
from ecg_contract.attempt_log import AttemptOutcome, LoggedAttempt, logged
from ecg_contract.host_protocol import PipelineStatus
from ecg_contract.stages import Stage
from ecg_contract.videojob.resource import Attempt, ConditionType, VideoJob, VideoJobStatus
from ecg_contract.videojob.state import has_reported_result, terminal_state
from ecg_contract.wire.status import CallbackView


def state_of(videojob: VideoJob) -> JobState:
    """The state of the run that was requested last, also before the operator has begun it."""
    spec, status = videojob.spec, videojob.status
    terminal = terminal_state(videojob) if status.run == spec.run else None
    if terminal is not None:
        return JobState.COMPLETED if terminal == "completed" else JobState.FAILED
    if spec.cancelled_run >= spec.run:
        return JobState.CANCELLED
    if status.run != spec.run:
        return JobState.QUEUED
    at_work = status.attempt is not None and (status.attempt.start_time is not None or status.report is not None)
    return JobState.RUNNING if at_work else JobState.QUEUED


def awaits_redelivery(videojob: VideoJob) -> bool:
    """Whether a redelivery was requested that the operator has not begun yet."""
    return videojob.spec.redelivery > videojob.status.observed_redelivery


def is_undelivered(videojob: VideoJob) -> bool:
    """Whether the terminal callback of the current run was given up or rejected."""
    delivered = videojob.status.condition(ConditionType.CALLBACK_DELIVERED)
    if delivered is None or delivered.status != "False" or awaits_redelivery(videojob):
        return False
    return delivered.reason in ("Undelivered", "Rejected") and videojob.status.run == videojob.spec.run


def view(videojob: VideoJob) -> JobView:
    spec, status = videojob.spec, videojob.status
    state = state_of(videojob)
    waits_for_new_run = state is JobState.QUEUED and status.run != spec.run
    return JobView(
        job_id=spec.job_id,
        state=state,
        attempt=status.attempt.number if status.attempt else 0,
        started_at=None if waits_for_new_run else status.start_time or _begun_at(status),
        completed_at=_ended_at(status) if state.is_final else None,
        pipeline=None if waits_for_new_run else _pipeline(videojob),
        error=status.error if state is JobState.FAILED else None,
        callback=_callback(videojob, waits_for_new_run=waits_for_new_run),
        queue_position=status.queue.position if status.queue and state is JobState.QUEUED else None,
        eta=None if state.is_final or waits_for_new_run else status.estimated_completion_time,
        submitted_at=videojob.metadata.creation_timestamp,
        language=status.report.result.language if status.report and status.report.result else spec.language.value,
        kind=JobKind.TRANSCRIPTION if spec.interactive else JobKind.VIDEO,
        metadata=spec.metadata,
        attempts=_attempts(status),
        callback_tries=() if waits_for_new_run else record_of(status).tries,
    )


def _begun_at(status: VideoJobStatus) -> datetime | None:
    """When the pod reports that it began."""
    begun = status.report.stages.get(Stage.DOWNLOAD) if status.report else None
    return begun.start_time if begun else None


def _ended_at(status: VideoJobStatus) -> datetime | None:
    """Until the operator has written the end, the time that the pod reports for it."""
    if status.completion_time is not None or status.report is None:
        return status.completion_time
    reported = status.report.stages.get(Stage.COMPLETED)
    return reported.start_time if reported else None


def _attempts(status: VideoJobStatus) -> tuple[LoggedAttempt, ...]:
    """Those that have ended, and the current one."""
    current = status.attempt
    if current is None or any(one.number == current.number for one in status.attempts):
        return status.attempts
    return logged(status.attempts, _current(current, status))


def _current(attempt: Attempt, status: VideoJobStatus) -> LoggedAttempt:
    start, end = attempt.start_time, None
    outcome = AttemptOutcome.RUNNING if start else AttemptOutcome.WAITING
    if has_reported_result(status):
        start, end, outcome = start or _begun_at(status), _ended_at(status), AttemptOutcome.COMPLETED
    return LoggedAttempt(number=attempt.number, device=attempt.profile, start_time=start, end_time=end, outcome=outcome)


def _pipeline(videojob: VideoJob) -> PipelineStatus | None:
    report, status = videojob.status.report, videojob.status
    if report is not None:
        return report
    if status.attempt is None:
        return None
    return PipelineStatus(attempt=status.attempt.number, message=status.message or "")


def _callback(videojob: VideoJob, *, waits_for_new_run: bool) -> CallbackView:
    if waits_for_new_run:
        return CallbackView(state="disabled" if facts_of(videojob).callback_base is None else "pending")
    record = record_of(videojob.status)
    if awaits_redelivery(videojob) and record.terminal is not None:
        record = redeliver(record, record.terminal.time)
    return callback_view(record, facts_of(videojob))
