"""What an attempt waits for before it runs, as Kubernetes says it: pure."""

from dataclasses import dataclass

from ecg_operator.observe.snapshot import Observed, ObservedPod

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
        return Waiting("JobCreating", "its Job is being created")
    if job.suspended:
        return Waiting("JobSuspended", "its Job is suspended by a queue")
    if pod is not None and (pod.started or pod.ended):
        return None
    if pod is None:
        return _from_events(observed, job.uid) or Waiting("PodCreating", "its pod is being created")
    return _of_pod(observed, pod)


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
    return Waiting(warning.reason, warning.message, warning.reason in _STUCK) if warning else None
