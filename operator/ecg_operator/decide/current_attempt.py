"""The attempt at work: its Job exists, its one pod may report, and what it waits for is shown, up to a limit. Pure."""

from datetime import datetime, timedelta

from ecg_contract.videojob.resource import Attempt, ConditionType, VideoJob, VideoJobStatus
from ecg_operator.decide.attempt_end import active_seconds, active_time, deadline
from ecg_operator.decide.attempts import unassigned
from ecg_operator.decide.conditions import with_condition
from ecg_operator.decide.pending_reason import Waiting, waiting_for
from ecg_operator.decide.plan import Note, Plan
from ecg_operator.decide.queueing import queue_limit, waited_too_long
from ecg_operator.decide.run_end import end_run
from ecg_operator.observe.snapshot import Observed, ObservedPod
from ecg_operator.settings import OperatorSettings, seconds


def continue_attempt(observed: Observed, attempt: Attempt, settings: OperatorSettings, now: datetime) -> Plan:
    before, waiting = observed.videojob.status, waiting_for(observed)
    attempt = _updated(observed, attempt, waiting, now)
    limit = _waiting_limit(observed.videojob, attempt, settings)
    if waiting is not None and limit is not None and now >= limit:
        error = waited_too_long(f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason)
        return end_run(observed, error, error.code.value, now)
    status = _with_scheduled(before.model_copy(update={"attempt": attempt}), waiting, now)
    status = _with_times(observed.videojob, status, attempt, now)
    return Plan(
        status,
        delete_jobs=tuple(old for old in observed.own_jobs() if old.name != attempt.job_name),
        create_job=observed.job() is None,
        notes=_notes(before, status, waiting),
        again_at=_next_limit(observed, attempt, waiting, settings, now),
    )


def _updated(observed: Observed, attempt: Attempt, waiting: Waiting | None, now: datetime) -> Attempt:
    job = observed.job()
    attempt = _suspended_by_queue(attempt, now) if job and job.suspended else _assigned(attempt, observed.pod())
    stuck_since = (attempt.stuck_since or now) if waiting and waiting.stuck else None
    return attempt.model_copy(update={"job_uid": job.uid if job else attempt.job_uid, "stuck_since": stuck_since})


def _assigned(attempt: Attempt, pod: ObservedPod | None) -> Attempt:
    """The one pod that may report: the newest that is live and has a node. A standby pod began to run long before."""
    if pod is None or pod.node is None or not pod.is_live:
        return attempt
    started = attempt.start_time if attempt.pod_uid == pod.uid and attempt.start_time else pod.started
    update = {"pod_uid": pod.uid, "pod_name": pod.name, "node_name": pod.node, "start_time": started}
    return attempt.model_copy(update=update)


def _suspended_by_queue(attempt: Attempt, now: datetime) -> Attempt:
    """A queue took the node away, and will give the same Job another one: no new attempt."""
    if attempt.pod_uid is None:
        return attempt
    return unassigned(attempt).model_copy(update={"pending_since": now})


def _with_scheduled(status: VideoJobStatus, waiting: Waiting | None, now: datetime) -> VideoJobStatus:
    has_node = status.attempt is not None and status.attempt.pod_uid is not None
    reason, message = (waiting.reason, waiting.message) if waiting else ("Running", "")
    return with_condition(status, ConditionType.SCHEDULED, "True" if has_node else "False", reason, message, now)


def _with_times(videojob: VideoJob, status: VideoJobStatus, attempt: Attempt, now: datetime) -> VideoJobStatus:
    """The run's start; and the time that a pod had worked when a queue suspended its Job."""
    before = videojob.status.attempt
    if before is None or before.start_time is None or attempt.start_time is not None:
        return status.model_copy(update={"start_time": status.start_time or attempt.start_time})
    return status.model_copy(update={"active_seconds": active_seconds(videojob, now)})


def _waiting_limit(videojob: VideoJob, attempt: Attempt, settings: OperatorSettings) -> datetime | None:
    """When waiting fails the job: what a person has to repair, after a time; capacity, at the job's own limit alone."""
    stuck = attempt.stuck_since + seconds(settings.stuck_limit_s) if attempt.stuck_since else None
    return min(filter(None, (stuck, queue_limit(videojob, settings, attempt.pending_since))), default=None)


def _notes(before: VideoJobStatus, after: VideoJobStatus, waiting: Waiting | None) -> tuple[Note, ...]:
    """A Warning when an attempt gets stuck, or stuck for another reason."""
    old, new = before.condition(ConditionType.SCHEDULED), after.condition(ConditionType.SCHEDULED)
    if waiting is None or not waiting.stuck or (old and new and old.reason == new.reason):
        return ()
    return (Note(waiting.reason, waiting.message, "Warning"),)


def _next_limit(
    observed: Observed, attempt: Attempt, waiting: Waiting | None, settings: OperatorSettings, now: datetime
) -> datetime | None:
    if waiting is not None:
        return _waiting_limit(observed.videojob, attempt, settings)
    if attempt.start_time is None:
        return None
    left = deadline(observed.videojob, settings) - active_time(observed.videojob, now)
    until_lost = seconds(settings.heartbeat_lost_s) - observed.silence
    return now + max(min(until_lost, left), timedelta(0))
