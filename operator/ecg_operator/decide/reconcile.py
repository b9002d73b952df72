"""What is to be done about one VideoJob, from all that is observed of it: pure, the operator's one place of decisions.

Every event leads here, whatever caused it; what one call leaves for the next is in the status.

    finished?  ->  clean up, and delete the VideoJob when its time is over
    its pod has reported the result?  ->  complete, whatever was asked of the job since
    cancelled, suspended?  ->  stop the work
    not at work?  ->  the first attempt, or the queue while no slot is free
    ended?  ->  what `attempt_outcome.decide` says: complete, fail, or the next attempt
    else  ->  its Job exists, its pod may report, and what it waits for is shown
"""

from dataclasses import replace
from datetime import datetime

from ecg_callbacks.decision import redeliver
from ecg_callbacks.videojob_facts import record_of
from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.attempt_outcome import AttemptCounts, AttemptEnd, Complete, Fail, Ignore, Retry, decide
from ecg_contract.videojob.names import is_on_standby_job
from ecg_contract.videojob.resource import ConditionType, VideoJob, VideoJobStatus
from ecg_contract.videojob.state import CANCELLED, has_reported_result, is_in_progress
from ecg_operator.decide.attempt_end import active_seconds, attempt_end, with_logged_attempt
from ecg_operator.decide.attempts import first_attempt, next_attempt, unassigned, with_unrecorded_attempt
from ecg_operator.decide.conditions import SUSPENDED, derived, with_condition
from ecg_operator.decide.current_attempt import continue_attempt
from ecg_operator.decide.estimate import with_estimate
from ecg_operator.decide.plan import Note, Plan
from ecg_operator.decide.queueing import wait_in_queue
from ecg_operator.decide.run_end import after_the_end, end_run
from ecg_operator.observe.snapshot import Observed
from ecg_operator.settings import OperatorSettings

ATTEMPT_STARTED = "AttemptStarted"
"""Reason of the step with which an attempt begins."""


def reconcile(observed: Observed, settings: OperatorSettings, now: datetime) -> Plan:
    """Returns a plan whose status equals the present one where nothing has changed."""
    videojob = observed.videojob
    if videojob.metadata.deletion_timestamp is not None:
        return Plan(videojob.status)
    plan = _decide(observed, settings, now)
    status = _with_redelivery(videojob, plan.status, now)
    if status is videojob.status and status.completion_time is not None:
        return plan  # the rest of its status was derived when this was written
    return replace(plan, status=with_estimate(observed, derived(videojob, status, now), settings, now))


def refreshed_status(observed: Observed, settings: OperatorSettings, now: datetime) -> VideoJobStatus:
    """The status that another write may take along: a plan that announces an action is left to the work queue."""
    plan = reconcile(observed, settings, now)
    return observed.videojob.status if plan.acts or plan.clean_up or plan.notes else plan.status


def _decide(observed: Observed, settings: OperatorSettings, now: datetime) -> Plan:
    observed = with_unrecorded_attempt(observed, settings)
    spec, status = observed.videojob.spec, observed.videojob.status
    if status.run == spec.run and status.completion_time is not None:
        return after_the_end(observed, settings, now, status.completion_time)
    if not has_reported_result(status) and (plan := _stop_or_begin(observed, settings, now)):
        return plan
    if end := attempt_end(observed, settings, now):
        return _after_attempt(observed, end, settings, now)
    assert status.attempt is not None
    return continue_attempt(observed, status.attempt, settings, now)


def _stop_or_begin(observed: Observed, settings: OperatorSettings, now: datetime) -> Plan | None:
    """What the spec asks for; None where an attempt of its run is at work, and may be."""
    spec, status = observed.videojob.spec, observed.videojob.status
    if spec.cancelled_run >= spec.run:
        return end_run(observed, None, CANCELLED, now)
    if spec.suspend:
        return _suspend(observed, now)
    if status.run != spec.run or status.attempt is None or not is_in_progress(status):
        return _begin_run(observed, settings, now)
    return None


def _begin_run(observed: Observed, settings: OperatorSettings, now: datetime) -> Plan:
    """Begin the run, or go on with it after it was suspended; or wait while no slot is free."""
    videojob, status = observed.videojob, observed.videojob.status
    if observed.place is not None:
        return wait_in_queue(observed, observed.place, settings, now)
    if status.run is None:
        return _begin_first_job(observed, settings, now)
    if status.run == videojob.spec.run and status.attempt and status.attempt.run == status.run:
        return _begin(observed, next_attempt(videojob, None, settings, now, observed.standby))
    return _begin(observed, first_attempt(videojob, settings, now, observed.standby))


def _begin_first_job(observed: Observed, settings: OperatorSettings, now: datetime) -> Plan:
    """There is nothing to fence and nothing to delete. A Job that was refused is recorded, as it may be given up."""
    status = first_attempt(observed.videojob, settings, now, observed.standby)
    if is_on_standby_job(status.attempt):
        return _begin(observed, status)
    if observed.refusal is None:
        return Plan(status, create_job=True, status_may_wait=True, notes=(replace(_started(status), is_event=False),))
    assert status.attempt is not None
    return continue_attempt(_with_status(observed, status), status.attempt, settings, now)


def _begin(observed: Observed, status: VideoJobStatus, why: str = "") -> Plan:
    """The new attempt's status fences the old pod; then the old Jobs are deleted and the new one is created."""
    note = _started(status, why)
    return Plan(status, delete_jobs=observed.own_jobs(), create_job=True, notes=(note,))


def _started(status: VideoJobStatus, why: str = "") -> Note:
    attempt = status.attempt
    assert attempt is not None
    kind = "standby Job" if is_on_standby_job(attempt) else "Job"
    text = f"attempt {attempt.number} on the {attempt.profile} profile, {kind} {attempt.job_name}"
    return Note(ATTEMPT_STARTED, f"{text}; {why}" if why else text)


def _with_status(observed: Observed, status: VideoJobStatus) -> Observed:
    return replace(observed, videojob=observed.videojob.model_copy(update={"status": status}))


def _after_attempt(observed: Observed, end: AttemptEnd, settings: OperatorSettings, now: datetime) -> Plan:
    videojob = observed.videojob
    match decide(end, videojob.status.retries or AttemptCounts(), settings.retry_policy):
        case Complete():
            return end_run(observed, None, "Succeeded", now)
        case Fail(error):
            return end_run(observed, error, error.code.value, now)
        case Retry(counts, outcome, device):
            ended = with_logged_attempt(videojob.status, outcome, now).model_copy(update={"retries": counts})
            status = next_attempt(
                videojob.model_copy(update={"status": ended}), device, settings, now, observed.standby
            )
            return _begin(observed, status, f"the last one ended: {outcome}")
        case Ignore():
            return Plan(videojob.status)


def _suspend(observed: Observed, now: datetime) -> Plan:
    """Free the node; the next attempt begins when `suspend` is false again, and this one does not count as a try."""
    videojob = observed.videojob
    if _is_suspended(videojob.status) and not observed.active_jobs():
        return Plan(videojob.status)
    attempt = videojob.status.attempt and unassigned(videojob.status.attempt)
    spent = {"active_seconds": active_seconds(videojob, now), "attempt": attempt, "queue": None}
    status = with_logged_attempt(videojob.status, AttemptOutcome.SUSPENDED, now).model_copy(update=spent)
    status = with_condition(status, ConditionType.SUCCEEDED, "Unknown", SUSPENDED, "spec.suspend is true", now)
    status = with_condition(status, ConditionType.SCHEDULED, "False", SUSPENDED, "spec.suspend is true", now)
    return Plan(status, delete_jobs=observed.active_jobs(), notes=(Note(SUSPENDED, "spec.suspend is true"),))


def _is_suspended(status: VideoJobStatus) -> bool:
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason == SUSPENDED


def _with_redelivery(videojob: VideoJob, status: VideoJobStatus, now: datetime) -> VideoJobStatus:
    """A raised `spec.redelivery` asks for the last callback once more."""
    if videojob.spec.redelivery <= status.observed_redelivery:
        return status
    update: dict[str, object] = {"observed_redelivery": videojob.spec.redelivery}
    if status.completion_time is not None:
        update["callbacks"] = redeliver(record_of(status), now)
    return status.model_copy(update=update)
