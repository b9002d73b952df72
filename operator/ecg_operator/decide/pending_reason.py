"""What an attempt waits for before it runs, as Kubernetes says it: pure."""

from dataclasses import dataclass

from ecg_contract.videojob.names import is_on_standby_job
from ecg_operator.observe.snapshot import Observed, ObservedPod, Refusal, Warning_

_STUCK = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "FailedMount",
    "FailedAttachVolume",
)
_HARMLESS = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True, slots=True)
class Waiting:
    """`reason` is one word, as Kubernetes gives it; `stuck`: a person has to repair something."""

    reason: str
    message: str
    stuck: bool = False


def waiting_for(observed: Observed) -> Waiting | None:
    """None once the container runs or has ended."""
    job, pod = observed.job(), observed.pod()
    if job is None:
        is_to_get_one = is_on_standby_job(observed.videojob.status.attempt)
        return None if is_to_get_one else _of_job(observed.refusal)
    if job.suspended:
        return Waiting("JobSuspended", "its Job is suspended by a queue")
    if pod is not None and (pod.started or pod.ended):
        return None
    if pod is None:
        return _from_events(observed, job.uid) or Waiting("PodCreating", "its pod is being created")
    return _of_pod(observed, pod)


def _of_job(refusal: Refusal | None) -> Waiting:
    if refusal is None:
        return Waiting("JobCreating", "its Job is being created")
    return Waiting("JobRefused", refusal.message, not _is_quota(refusal.message))


def _is_quota(message: str) -> bool:
    """Whether a quota refuses: capacity, which comes again."""
    return "exceeded quota" in message


def _of_pod(observed: Observed, pod: ObservedPod) -> Waiting:
    if pod.waiting is not None and pod.waiting[0] not in _HARMLESS:
        reason, message = pod.waiting
        return Waiting(reason, message, reason in _STUCK)
    if pod.node is None:
        return _from_events(observed, pod.uid) or Waiting("Scheduling", "its pod waits for a node")
    return _from_events(observed, pod.uid) or Waiting("ContainerCreating", f"its container is being made on {pod.node}")


def _from_events(observed: Observed, uid: str) -> Waiting | None:
    """Some reasons are only in events: a refusal by a quota, a missing Secret."""
    warning = next((w for w in observed.warnings if w.about_uid == uid), None)
    return Waiting(warning.reason, warning.message, _is_stuck(warning)) if warning else None


def _is_stuck(warning: Warning_) -> bool:
    if warning.reason == "FailedCreate":  # of a pod: refused, as by an unknown priority class
        return not _is_quota(warning.message)
    return warning.reason in _STUCK
