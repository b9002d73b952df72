"""Jobs and pods as small records, read once from the API server's JSON: pure.

So `reconcile` need not know where Kubernetes puts an exit code.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ecg_common.redact import redact_text
from ecg_contract.pace import Pace
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import STANDBY_CONFIG_LABEL, STANDBY_LABEL, VIDEOJOB_LABEL
from ecg_contract.videojob.resource import Profile, VideoJob
from ecg_operator.observe.job_queue import Place

CONTAINER = "pipeline"
UNSCHEDULABLE = "Unschedulable"
"""The scheduler's reason: no node has what the pod asks for."""

_EXIT_CODE = re.compile(r"failed with exit code (\d+) matching FailJob rule")
_OWN_DISK_LIMIT = re.compile(r"exceed(s|ed) .*limit")
"""A kubelet's message when it evicts a pod for the pod's own limit, and not because the node is full."""
_INTERRUPTED = (
    "Evicted",
    "Preempting",
    "NodeLost",
    "NodeShutdown",
    "Terminated",
    "Shutdown",
    "UnexpectedAdmissionError",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container or a Job ended."""

    exit_code: int | None = None
    out_of_memory: bool = False
    out_of_disk: bool = False
    interrupted: bool = False
    deadline: bool = False
    message: str = ""
    """The container's termination message."""


@dataclass(frozen=True, slots=True)
class ObservedPod:
    name: str
    uid: str
    videojob: str
    job_uid: str | None
    created: datetime
    node: str | None
    deleted: bool
    """Its deletion was requested."""
    started: datetime | None
    """When its container started."""
    waiting: tuple[str, str] | None
    """Reason and message of what its container, or the scheduler, waits for."""
    ended: Ended | None
    ready: bool = False

    @property
    def is_live(self) -> bool:
        return self.ended is None and not self.deleted


@dataclass(frozen=True, slots=True)
class ObservedJob:
    name: str
    uid: str
    videojob: str
    owner_uid: str | None
    """uid of the VideoJob that owns it."""
    deleted: bool
    """Its deletion was requested."""
    suspended: bool
    """By a queue such as Kueue, which will also resume it."""
    succeeded: bool
    failed: Ended | None
    created: datetime
    standby: Profile | None = None
    """The profile of a Job that was created ahead of VideoJobs."""
    config: str = ""
    """Digest of what a standby Job was built from."""


@dataclass(frozen=True, slots=True)
class StandbyPod:
    """A pod with its models loaded that a new attempt may take."""

    job: ObservedJob
    pod: ObservedPod


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 - Warning is Python's
    """The newest Warning event about a Job or a pod."""

    about_uid: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the API server refused to create a Job."""

    message: str


@dataclass(frozen=True, slots=True)
class Observed:
    """All that is known about one VideoJob at one moment."""

    videojob: VideoJob
    jobs: tuple[ObservedJob, ...] = ()
    pods: tuple[ObservedPod, ...] = ()
    warnings: tuple[Warning_, ...] = ()
    silence: timedelta = timedelta(0)
    """Since the pod's last sign of life, its start or a heartbeat, or since this operator's cache is in sync; measured
    by a clock that nobody sets, so that a step of the wall clock replaces no healthy pod."""
    place: Place | None = None
    """Its place in the queue; None where it may start."""
    paces: Mapping[str, Pace] = field(default_factory=dict)
    """How fast jobs have been, by profile; absent until one has succeeded."""
    refusal: Refusal | None = None
    """Of the current attempt's Job, while it has none."""
    standby: Mapping[Profile, StandbyPod] = field(default_factory=dict)
    """The pod of each profile that a new attempt may take."""
    standby_lost: bool = False
    """Whether the standby Job that the attempt names is gone, or another VideoJob's."""

    def job(self) -> ObservedJob | None:
        """The current attempt's Job."""
        attempt = self.videojob.status.attempt
        wanted = attempt.job_name if attempt else None
        uid = self.videojob.metadata.uid
        return next((job for job in self.jobs if job.name == wanted and job.owner_uid == uid), None)

    def pod(self) -> ObservedPod | None:
        """The current Job's pod: the newest live one, else the newest."""
        job = self.job()
        pods = [pod for pod in self.pods if job is not None and pod.job_uid == job.uid]
        return max(pods, key=lambda pod: (pod.is_live, pod.created), default=None)

    def own_jobs(self) -> tuple[ObservedJob, ...]:
        """This VideoJob's Jobs that are not being deleted."""
        return tuple(job for job in self.jobs if job.owner_uid == self.videojob.metadata.uid and not job.deleted)

    def active_jobs(self) -> tuple[ObservedJob, ...]:
        """Those of them that may have a pod at work."""
        return tuple(job for job in self.own_jobs() if not (job.failed or job.succeeded))


def occupies_slot(job: ObservedJob, pods: Iterable[ObservedPod]) -> bool:
    """Whether a Job may have a pod at work: it has not ended, and its pods have not either."""
    own = [pod for pod in pods if pod.job_uid == job.uid]
    return not (job.failed or job.succeeded) and (not own or any(pod.ended is None for pod in own))


def observed_job(manifest: Manifest) -> ObservedJob:
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or [] if c.get("status") == "True"}
    failed = conditions.get("Failed") or conditions.get("FailureTarget")
    return ObservedJob(
        name=metadata["name"],
        uid=metadata["uid"],
        videojob=(metadata.get("labels") or {}).get(VIDEOJOB_LABEL, ""),
        owner_uid=_owner_uid(metadata, "VideoJob"),
        deleted=bool(metadata.get("deletionTimestamp")),
        suspended=bool(manifest["spec"].get("suspend")),
        succeeded="Complete" in conditions or "SuccessCriteriaMet" in conditions,
        failed=_job_end(failed) if failed else None,
        created=_time(metadata["creationTimestamp"]),
        standby=_standby_profile(metadata),
        config=(metadata.get("labels") or {}).get(STANDBY_CONFIG_LABEL, ""),
    )


def observed_pod(manifest: Manifest) -> ObservedPod:
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    container = _container(status)
    state = container.get("state") or {}
    return ObservedPod(
        name=metadata["name"],
        uid=metadata["uid"],
        videojob=(metadata.get("labels") or {}).get(VIDEOJOB_LABEL, ""),
        job_uid=_owner_uid(metadata, "Job"),
        created=_time(metadata["creationTimestamp"]),
        node=manifest["spec"].get("nodeName"),
        deleted=bool(metadata.get("deletionTimestamp")),
        started=_started(state),
        waiting=_waiting(status, state),
        ended=_pod_end(status, state),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or []),
    )


def _standby_profile(metadata: Manifest) -> Profile | None:
    value = (metadata.get("labels") or {}).get(STANDBY_LABEL)
    return Profile(value) if value in set(Profile) else None


def _owner_uid(metadata: Manifest, kind: str) -> str | None:
    owners = metadata.get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("kind") == kind), None)


def _container(status: Manifest) -> Manifest:
    found = (c for c in status.get("containerStatuses") or [] if c.get("name") == CONTAINER)
    return next(found, {})


def _started(state: Manifest) -> datetime | None:
    started = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    return _time(started) if started else None


def _waiting(status: Manifest, state: Manifest) -> tuple[str, str] | None:
    if waiting := state.get("waiting"):
        return str(waiting.get("reason") or "Waiting"), redact_text(str(waiting.get("message") or ""))
    conditions = status.get("conditions") or []
    unscheduled = next((c for c in conditions if c["type"] == "PodScheduled" and c["status"] == "False"), None)
    if unscheduled is None:
        return None
    return str(unscheduled.get("reason") or UNSCHEDULABLE), redact_text(str(unscheduled.get("message") or ""))


def _pod_end(status: Manifest, state: Manifest) -> Ended | None:
    disrupted = any(c["type"] == "DisruptionTarget" and c["status"] == "True" for c in status.get("conditions") or [])
    interrupted = disrupted or status.get("reason") in _INTERRUPTED
    over_limit = status.get("reason") == "Evicted" and bool(_OWN_DISK_LIMIT.search(str(status.get("message"))))
    if ended := state.get("terminated"):
        return Ended(
            exit_code=int(ended["exitCode"]),
            out_of_memory=ended.get("reason") == "OOMKilled",
            out_of_disk=over_limit,
            interrupted=interrupted,
            message=redact_text(str(ended.get("message") or "")),
        )
    if status.get("phase") == "Failed":
        return Ended(
            out_of_disk=over_limit, interrupted=interrupted, deadline=status.get("reason") == "DeadlineExceeded"
        )
    return None


def _job_end(condition: Manifest) -> Ended:
    found = _EXIT_CODE.search(str(condition.get("message", "")))
    deadline = condition.get("reason") == "DeadlineExceeded"
    return Ended(exit_code=int(found[1]) if found else None, deadline=deadline, interrupted=not found and not deadline)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)
