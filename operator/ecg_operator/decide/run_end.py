"""The end of a run, and what is left to do about a finished VideoJob: pure."""

from datetime import datetime, timedelta
from typing import Literal

from ecg_contract.attempt_log import AttemptOutcome
from ecg_contract.host_protocol import PipelineError
from ecg_contract.videojob.resource import ConditionType, VideoJob, VideoJobStatus
from ecg_contract.videojob.state import CANCELLED
from ecg_operator.decide.attempt_end import active_seconds, with_logged_attempt
from ecg_operator.decide.conditions import Holds, with_condition
from ecg_operator.decide.plan import Note, Plan
from ecg_operator.observe.snapshot import Observed
from ecg_operator.settings import OperatorSettings, seconds

COMPLETED = "Completed"
"""Reason of the step with which a run succeeds."""
_OUTCOMES = {"Succeeded": AttemptOutcome.COMPLETED, CANCELLED: AttemptOutcome.CANCELLED}
_CLEAN_UP_FOR = timedelta(minutes=10)
"""How long after its end an operator that has restarted cleans up again: a crash may have left something."""
_POD_EXIT_LIMIT = timedelta(seconds=60)
"""How long the pod of a finished job may take to exit by itself."""


def end_run(observed: Observed, error: PipelineError | None, reason: str, now: datetime) -> Plan:
    """`reason` is that of the condition Succeeded; without an error it is "Succeeded" or says who stopped the run.

    A first run that succeeds without a retry creates no Event: its conditions tell it.
    """
    status = finished(observed.videojob, _with_start(observed), error, reason, now)
    status = with_condition(status, ConditionType.SCHEDULED, "False", "Finished", "", now)
    succeeded = reason == "Succeeded"
    text = "the result is stored" if succeeded else error.message if error else "the work was stopped"
    is_ordinary = succeeded and not status.retries and status.run == 1
    kind: Literal["Normal", "Warning"] = "Normal" if error is None else "Warning"
    note = Note(COMPLETED if succeeded else reason, text, kind, is_event=not is_ordinary)
    jobs = () if succeeded else observed.active_jobs()
    return Plan(status, delete_jobs=jobs, clean_up=True, notes=(note,), again_at=now + _POD_EXIT_LIMIT)


def finished(
    videojob: VideoJob, status: VideoJobStatus, error: PipelineError | None, reason: str, now: datetime
) -> VideoJobStatus:
    """The run has ended: from now on the API server takes no report of a pod."""
    holds: Holds = "True" if reason == "Succeeded" else "False"
    ended = {
        "run": videojob.status.run if reason == "Succeeded" else videojob.spec.run,
        "completion_time": now,
        "error": error,
        "active_seconds": active_seconds(videojob, now),
    }
    message = error.message if error else ""
    status = with_logged_attempt(status, _OUTCOMES.get(reason, AttemptOutcome.FAILED), now)
    return with_condition(status.model_copy(update=ended), ConditionType.SUCCEEDED, holds, reason, message, now)


def after_the_end(observed: Observed, settings: OperatorSettings, now: datetime, ended: datetime) -> Plan:
    """Stop what still runs, clean up, and delete the VideoJob when its time is over."""
    status, exit_limit = observed.videojob.status, ended + _POD_EXIT_LIMIT
    pod_is_live = any(pod.is_live for pod in observed.pods)
    stopped = not status.has_succeeded or (pod_is_live and now >= exit_limit)
    expires = _expires_at(observed.videojob, settings, ended)
    next_limits = (exit_limit if pod_is_live and now < exit_limit else None, expires)
    return Plan(
        status,
        delete_jobs=observed.active_jobs() if stopped else (),
        clean_up=now < ended + _CLEAN_UP_FOR,
        delete_videojob=expires is not None and now >= expires,
        again_at=min(filter(None, next_limits), default=None),
    )


def _with_start(observed: Observed) -> VideoJobStatus:
    """A pod that was quick may have ended before its start was recorded."""
    status, pod = observed.videojob.status, observed.pod()
    if status.attempt is None or pod is None or pod.uid != status.attempt.pod_uid:
        return status
    attempt = status.attempt.model_copy(update={"start_time": status.attempt.start_time or pod.started})
    return status.model_copy(update={"attempt": attempt, "start_time": status.start_time or attempt.start_time})


def _expires_at(videojob: VideoJob, settings: OperatorSettings, ended: datetime) -> datetime | None:
    settled, ttl = _settled_at(videojob, ended), videojob.spec.ttl_seconds_after_finished
    return settled + seconds(settings.job_ttl_s if ttl is None else ttl) if settled else None


def _settled_at(videojob: VideoJob, ended: datetime) -> datetime | None:
    """When no callback was left to send; None while the last one is not settled."""
    if videojob.status.callback == "disabled":
        return ended
    record = videojob.status.callbacks
    return record.terminal.time if record and record.run == videojob.status.run and record.terminal else None
