"""What is to be done about one VideoJob, from all that is observed of it: pure, the operator's one place of decisions.

Every wake-up leads here, whatever caused it; nothing is remembered between two calls but what the status says.

    finished?  ->  tidy up, and remove the VideoJob when its time is over
    cancelled, suspended?  ->  stop the work
    no attempt in this run?  ->  the first one
    ended?  ->  what `lifecycle.decide` says: complete, fail, or the next attempt
    else  ->  its Job exists, its pod may report, and what it waits for is shown
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ecg_callbacks.decision import redeliver
from ecg_callbacks.videojob_facts import record_of
from ecg_contract.attempt_outcome import AttemptCounts, AttemptEnd, Complete, Fail, Ignore, Retry, decide
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.videojob.resource import Attempt, ConditionType, VideoJob, VideoJobStatus
from ecg_contract.videojob.state import CANCELLED
from ecg_operator.decide.attempt_end import active_seconds, active_time, attempt_end, deadline
from ecg_operator.decide.attempts import finished, first_attempt, next_attempt, unassigned
from ecg_operator.decide.conditions import SUSPENDED, derived, with_condition
from ecg_operator.decide.pending_reason import Waiting, waiting_for
from ecg_operator.decide.plan import Note, Plan
from ecg_operator.observe.snapshot import Observed, ObservedJob, ObservedPod
from ecg_operator.settings import OperatorSettings, seconds

TIDY_FOR = timedelta(minutes=10)
"""How long after its end a job is tidied up again after a restart: a crash may have left something."""
LINGER = timedelta(seconds=60)
"""How long the pod of a finished job may take to end by itself."""


def reconcile(observed: Observed, settings: OperatorSettings, now: datetime) -> Plan:
    """The plan; `plan.status` equals the present status where nothing has changed."""
    videojob = observed.videojob
    if videojob.metadata.deletion_timestamp is not None:
        return Plan(videojob.status)
    plan = _decide(observed, settings, now)
    status = _with_redelivery(videojob, plan.status, now)
    if status is videojob.status and status.completion_time is not None:
        return plan  # at rest: what follows from its status was written with it
    return replace(plan, status=derived(videojob, status, now))


def refreshed_status(observed: Observed, settings: OperatorSettings, now: datetime) -> VideoJobStatus:
    """The status that another write may take along: a plan that announces an action is left to the work queue."""
    plan = reconcile(observed, settings, now)
    return observed.videojob.status if plan.acts or plan.clean_up or plan.notes else plan.status


def _decide(  # noqa: PLR0911 - a state of a job each
    observed: Observed, settings: OperatorSettings, now: datetime
) -> Plan:
    videojob = observed.videojob
    spec, status = videojob.spec, videojob.status
    is_current = status.run == spec.run
    if is_current and status.completion_time is not None:
        return _after_the_end(observed, settings, now, status.completion_time)
    if spec.cancelled_run >= spec.run:
        return _end(observed, None, CANCELLED, now)
    if spec.suspend:
        return _suspend(observed, now)
    if not is_current or status.attempt is None:
        return _begin(observed, first_attempt(videojob, settings, now))
    if _is_suspended(status):
        return _begin(observed, next_attempt(videojob, status, status.retries, None, settings, now))
    if end := attempt_end(observed, settings, now):
        return _after_attempt(observed, end, settings, now)
    return _go_on(observed, status.attempt, settings, now)


def _begin(observed: Observed, status: VideoJobStatus, why: str = "") -> Plan:
    """Fence the old pod by the new attempt's status, remove the old Jobs, create the new one."""
    attempt = status.attempt
    assert attempt is not None
    text = f"attempt {attempt.number} on the {attempt.profile} profile, Job {attempt.job_name}"
    note = Note("AttemptStarted", f"{text}; {why}" if why else text)
    return Plan(status, delete_jobs=_own(observed), create_job=True, notes=(note,))


def _after_attempt(observed: Observed, end: AttemptEnd, settings: OperatorSettings, now: datetime) -> Plan:
    videojob = observed.videojob
    match decide(end, videojob.status.retries or AttemptCounts(), settings.retry_policy):
        case Complete():
            return _end(observed, None, "Succeeded", now)
        case Fail(error):
            return _end(observed, error, error.code.value, now)
        case Retry(counts, reason, device):
            status = next_attempt(videojob, videojob.status, counts, device, settings, now)
            return _begin(observed, status, f"the last one ended: {reason}")
        case Ignore():
            return Plan(videojob.status)


def _end(observed: Observed, error: PipelineError | None, reason: str, now: datetime) -> Plan:
    videojob = observed.videojob
    status = finished(videojob, _with_start(observed), error, reason, now)
    status = with_condition(status, ConditionType.SCHEDULED, "False", "Finished", "", now)
    succeeded = reason == "Succeeded"
    text = "the result is stored" if succeeded else error.message if error else "the work was stopped"
    note = Note("Completed" if succeeded else reason, text, "Normal" if succeeded or error is None else "Warning")
    jobs = () if succeeded else _alive(observed)
    return Plan(status, delete_jobs=jobs, clean_up=True, notes=(note,), again_at=now + LINGER)


def _with_start(observed: Observed) -> VideoJobStatus:
    """A pod that was quick may have ended before its beginning was written down."""
    status, pod = observed.videojob.status, observed.pod()
    if status.attempt is None or pod is None or pod.uid != status.attempt.pod_uid:
        return status
    attempt = status.attempt.model_copy(update={"start_time": status.attempt.start_time or pod.started})
    return status.model_copy(update={"attempt": attempt, "start_time": status.start_time or attempt.start_time})


def _after_the_end(observed: Observed, settings: OperatorSettings, now: datetime, ended: datetime) -> Plan:
    videojob = observed.videojob
    lingers = [pod for pod in observed.pods if pod.is_live]
    stopped = not videojob.status.has_succeeded or (lingers and now >= ended + LINGER)
    jobs = _alive(observed) if stopped else ()
    settled = _settled_at(videojob, ended)
    ttl = videojob.spec.ttl_seconds_after_finished
    expires = settled + seconds(settings.job_ttl_s if ttl is None else ttl) if settled else None
    return Plan(
        videojob.status,
        delete_jobs=jobs,
        clean_up=now < ended + TIDY_FOR,
        delete_videojob=expires is not None and now >= expires,
        again_at=min(
            filter(None, (ended + LINGER if lingers and now < ended + LINGER else None, expires)), default=None
        ),
    )


def _settled_at(videojob: VideoJob, ended: datetime) -> datetime | None:
    """When nothing was left to be sent; None while the last callback is on its way."""
    if videojob.status.callback == "disabled":
        return ended
    record = videojob.status.callbacks
    return record.terminal.time if record and record.run == videojob.status.run and record.terminal else None


def _suspend(observed: Observed, now: datetime) -> Plan:
    """The node is freed; the next attempt begins when `suspend` is false again, and this one is not counted."""
    videojob = observed.videojob
    if _is_suspended(videojob.status) and not _alive(observed):
        return Plan(videojob.status)
    attempt = videojob.status.attempt and unassigned(videojob.status.attempt)
    spent = {"active_seconds": active_seconds(videojob, now), "attempt": attempt}
    status = videojob.status.model_copy(update=spent)
    status = with_condition(status, ConditionType.SUCCEEDED, "Unknown", SUSPENDED, "spec.suspend is true", now)
    status = with_condition(status, ConditionType.SCHEDULED, "False", SUSPENDED, "spec.suspend is true", now)
    return Plan(status, delete_jobs=_alive(observed), notes=(Note(SUSPENDED, "spec.suspend is true"),))


def _is_suspended(status: VideoJobStatus) -> bool:
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason == SUSPENDED


def _go_on(observed: Observed, attempt: Attempt, settings: OperatorSettings, now: datetime) -> Plan:
    videojob, job, pod = observed.videojob, observed.job(), observed.pod()
    attempt = attempt.model_copy(update={"job_uid": job.uid if job else attempt.job_uid})
    waiting = waiting_for(observed)
    attempt = _suspended_by_queue(attempt, now) if job and job.suspended else _assigned(attempt, pod)
    stuck_since = (attempt.stuck_since or now) if waiting and waiting.stuck else None
    attempt = attempt.model_copy(update={"stuck_since": stuck_since})
    if waiting is not None and (error := _waited_too_long(attempt, waiting, settings, now)):
        return _end(observed, error, error.code.value, now)
    status = _shown(videojob.status.model_copy(update={"attempt": attempt}), waiting, now)
    status = _suspended_time(videojob, status, attempt, now)
    return Plan(
        status,
        delete_jobs=tuple(old for old in _own(observed) if old.name != attempt.job_name),
        create_job=job is None,
        notes=_news(videojob.status, status, waiting),
        again_at=_again_at(observed, attempt, waiting, settings, now),
    )


def _assigned(attempt: Attempt, pod: ObservedPod | None) -> Attempt:
    """The one pod that may report: the newest that lives and has a node."""
    if pod is None or pod.node is None or not pod.is_live:
        return attempt
    update = {"pod_uid": pod.uid, "pod_name": pod.name, "node_name": pod.node, "start_time": pod.started}
    return attempt.model_copy(update=update)


def _suspended_by_queue(attempt: Attempt, now: datetime) -> Attempt:
    """A queue took the node away, and will give the same Job another one: no new attempt."""
    if attempt.pod_uid is None:
        return attempt
    return unassigned(attempt).model_copy(update={"pending_since": now})


def _suspended_time(videojob: VideoJob, status: VideoJobStatus, attempt: Attempt, now: datetime) -> VideoJobStatus:
    """What the pod worked before its Job was suspended counts."""
    before = videojob.status.attempt
    if before is None or before.start_time is None or attempt.start_time is not None:
        started = status.start_time or attempt.start_time
        return status.model_copy(update={"start_time": started})
    return status.model_copy(update={"active_seconds": active_seconds(videojob, now)})


def _waited_too_long(
    attempt: Attempt, waiting: Waiting, settings: OperatorSettings, now: datetime
) -> PipelineError | None:
    stuck = attempt.stuck_since is not None and now - attempt.stuck_since >= seconds(settings.stuck_limit_s)
    if not stuck and now - attempt.pending_since < seconds(settings.pending_limit_s):
        return None
    reason = f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason
    return PipelineError(code=ErrorCode.PROCESSING_ERROR, message=f"처리를 시작할 수 없습니다 ({reason})")


def _shown(status: VideoJobStatus, waiting: Waiting | None, now: datetime) -> VideoJobStatus:
    has_node = status.attempt is not None and status.attempt.pod_uid is not None
    reason, message = (waiting.reason, waiting.message) if waiting else ("Running", "")
    return with_condition(status, ConditionType.SCHEDULED, "True" if has_node else "False", reason, message, now)


def _news(before: VideoJobStatus, after: VideoJobStatus, waiting: Waiting | None) -> tuple[Note, ...]:
    old, new = before.condition(ConditionType.SCHEDULED), after.condition(ConditionType.SCHEDULED)
    if waiting is None or not waiting.stuck or (old and new and old.reason == new.reason):
        return ()
    return (Note(waiting.reason, waiting.message, "Warning"),)


def _again_at(
    observed: Observed, attempt: Attempt, waiting: Waiting | None, settings: OperatorSettings, now: datetime
) -> datetime | None:
    """When a limit is reached."""
    if waiting is not None:
        stuck = attempt.stuck_since + seconds(settings.stuck_limit_s) if attempt.stuck_since else None
        return min(filter(None, (stuck, attempt.pending_since + seconds(settings.pending_limit_s))))
    if attempt.start_time is None:
        return None
    heard = max(filter(None, (observed.heard_at, attempt.start_time)))
    left = deadline(observed.videojob, settings) - active_time(observed.videojob, now)
    return min(heard + seconds(settings.heartbeat_lost_s), now + max(left, timedelta(0)))


def _with_redelivery(videojob: VideoJob, status: VideoJobStatus, now: datetime) -> VideoJobStatus:
    """`spec.redelivery` was raised: the last callback once more."""
    if videojob.spec.redelivery <= status.observed_redelivery:
        return status
    update: dict[str, object] = {"observed_redelivery": videojob.spec.redelivery}
    if status.completion_time is not None:
        update["callbacks"] = redeliver(record_of(status), now)
    return status.model_copy(update=update)


def _own(observed: Observed) -> tuple[ObservedJob, ...]:
    """This VideoJob's Jobs that are not on their way out already."""
    uid = observed.videojob.metadata.uid
    return tuple(job for job in observed.jobs if job.owner_uid == uid and not job.deleted)


def _alive(observed: Observed) -> tuple[ObservedJob, ...]:
    """Those of them that may have a pod at work."""
    return tuple(job for job in _own(observed) if not (job.failed or job.succeeded))
