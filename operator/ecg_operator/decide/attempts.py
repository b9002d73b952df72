"""Statuses in which an attempt begins, or loses its pod: pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ecg_contract.host_protocol import Device
from ecg_contract.videojob.names import job_name
from ecg_contract.videojob.resource import Attempt, ConditionType, Profile, VideoJob, VideoJobStatus
from ecg_contract.videojob.state import IN_PROGRESS
from ecg_operator.decide.attempt_end import active_seconds
from ecg_operator.decide.conditions import with_condition
from ecg_operator.observe.snapshot import Observed, StandbyPod
from ecg_operator.settings import OperatorSettings

Offers = Mapping[Profile, StandbyPod]
NO_STANDBY: Offers = {}


def first_attempt(
    videojob: VideoJob, settings: OperatorSettings, now: datetime, standby: Offers = NO_STANDBY
) -> VideoJobStatus:
    """The status of a new run."""
    return _with_attempt(videojob, fresh_run(videojob), first_profile(videojob, settings), now, standby)


def fresh_run(videojob: VideoJob) -> VideoJobStatus:
    """The status of a run of which nothing is known yet, with the last run's attempt."""
    if videojob.status.run == videojob.spec.run:
        return videojob.status
    fresh = {
        "run": videojob.spec.run,
        "start_time": None,
        "completion_time": None,
        "error": None,
        "retries": None,
        "active_seconds": 0.0,
        "queue": None,
    }
    return videojob.status.model_copy(update=fresh)


def first_profile(videojob: VideoJob, settings: OperatorSettings) -> Profile:
    """What a run's first pod asks for."""
    return Profile.GPU if videojob.spec.enable_gpu and settings.gpu_enabled else Profile.CPU


def with_unrecorded_attempt(observed: Observed, settings: OperatorSettings) -> Observed:
    """A VideoJob's first Job is created before its status is written: its attempt is inferred from the Job."""
    videojob = observed.videojob
    if videojob.status.run is not None:
        return observed
    name = job_name(videojob.metadata.name, videojob.metadata.uid, 1)
    job = next((job for job in observed.own_jobs() if job.name == name), None)
    if job is None:
        return observed
    status = first_attempt(videojob, settings, job.created)
    return replace(observed, videojob=videojob.model_copy(update={"status": status}))


def next_attempt(
    videojob: VideoJob, device: Device | None, settings: OperatorSettings, now: datetime, standby: Offers
) -> VideoJobStatus:
    """The same run with another attempt; `device` None keeps the profile of the last one."""
    last = videojob.status.attempt
    assert last is not None
    profile = Profile.CPU if device is Device.CPU or not settings.gpu_enabled else last.profile
    spent = {"active_seconds": active_seconds(videojob, now)}
    return _with_attempt(videojob, videojob.status.model_copy(update=spent), profile, now, standby)


def unassigned(attempt: Attempt) -> Attempt:
    """Without its pod, whose reports are refused from now on."""
    return attempt.model_copy(update={"pod_uid": None, "pod_name": None, "node_name": None, "start_time": None})


def _with_attempt(
    videojob: VideoJob, status: VideoJobStatus, profile: Profile, now: datetime, standby: Offers
) -> VideoJobStatus:
    number = videojob.status.attempt.number + 1 if videojob.status.attempt else 1
    metadata = videojob.metadata
    attempt = Attempt(
        number=number,
        run=videojob.spec.run,
        profile=profile,
        pending_since=status.queue.queued_time if status.queue else now,
        job_name=job_name(metadata.name, metadata.uid, number),
    )
    status = with_condition(status, ConditionType.SUCCEEDED, "Unknown", IN_PROGRESS, "", now)
    if (taken := standby.get(profile)) is not None:
        return _with_standby(status, attempt, taken, now)
    status = status.model_copy(update={"attempt": attempt, "queue": None})
    return with_condition(status, ConditionType.SCHEDULED, "False", "JobCreating", "its Job is being created", now)


def _with_standby(status: VideoJobStatus, attempt: Attempt, taken: StandbyPod, now: datetime) -> VideoJobStatus:
    """Its pod may report at once; its Job becomes the VideoJob's after this is written."""
    update = {
        "job_name": taken.job.name,
        "pod_uid": taken.pod.uid,
        "pod_name": taken.pod.name,
        "node_name": taken.pod.node,
        "start_time": now,
    }
    attempt = attempt.model_copy(update=update)
    started = {"attempt": attempt, "queue": None, "start_time": status.start_time or now}
    return with_condition(status.model_copy(update=started), ConditionType.SCHEDULED, "True", "Running", "", now)
