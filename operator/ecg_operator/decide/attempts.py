"""Statuses in which an attempt begins, or loses its pod: pure."""

from datetime import datetime

from ecg_contract.attempt_outcome import AttemptCounts
from ecg_contract.host_protocol import Device
from ecg_contract.videojob.names import job_name
from ecg_contract.videojob.resource import Attempt, ConditionType, Profile, VideoJob, VideoJobStatus
from ecg_operator.decide.attempt_end import active_seconds
from ecg_operator.decide.conditions import with_condition
from ecg_operator.settings import OperatorSettings


def first_attempt(videojob: VideoJob, settings: OperatorSettings, now: datetime) -> VideoJobStatus:
    """The status of a new run."""
    profile = Profile.GPU if videojob.spec.enable_gpu and settings.gpu_enabled else Profile.CPU
    fresh = {
        "run": videojob.spec.run,
        "start_time": None,
        "completion_time": None,
        "error": None,
        "retries": None,
        "active_seconds": 0.0,
    }
    return _with_attempt(videojob, videojob.status.model_copy(update=fresh), profile, now)


def next_attempt(
    videojob: VideoJob, counts: AttemptCounts | None, device: Device | None, settings: OperatorSettings, now: datetime
) -> VideoJobStatus:
    """The same run with another attempt; `device` None keeps the profile of the last one."""
    last = videojob.status.attempt
    assert last is not None
    profile = Profile.CPU if device is Device.CPU or not settings.gpu_enabled else last.profile
    spent = {"retries": counts, "active_seconds": active_seconds(videojob, now)}
    return _with_attempt(videojob, videojob.status.model_copy(update=spent), profile, now)


def unassigned(attempt: Attempt) -> Attempt:
    """Without its pod, whose reports are refused from now on."""
    return attempt.model_copy(update={"pod_uid": None, "pod_name": None, "node_name": None, "start_time": None})


def _with_attempt(videojob: VideoJob, status: VideoJobStatus, profile: Profile, now: datetime) -> VideoJobStatus:
    number = videojob.status.attempt.number + 1 if videojob.status.attempt else 1
    metadata = videojob.metadata
    attempt = Attempt(
        number=number,
        run=videojob.spec.run,
        profile=profile,
        pending_since=now,
        job_name=job_name(metadata.name, metadata.uid, number),
    )
    status = status.model_copy(update={"attempt": attempt})
    status = with_condition(status, ConditionType.SUCCEEDED, "Unknown", "InProgress", "", now)
    return with_condition(status, ConditionType.SCHEDULED, "False", "JobCreating", "its Job is being created", now)
