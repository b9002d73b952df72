"""The standby Jobs and pods, which belong to no VideoJob yet: who may be taken, and who waits for their nodes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from ecg_contract.videojob.resource import Profile
from ecg_operator.observe.owned_objects import OwnedObjects
from ecg_operator.observe.snapshot import UNSCHEDULABLE, ObservedJob, ObservedPod, StandbyPod

IDLE = ""
"""The VideoJob's name in the labels of standby objects that no VideoJob has taken."""


class Standby:
    """Reads the caches of Jobs and pods; owns which standby Job is being taken at the moment."""

    def __init__(
        self, jobs: OwnedObjects[ObservedJob], pods: OwnedObjects[ObservedPod], uses_job: Callable[[str], bool]
    ) -> None:
        """`uses_job` says whether an attempt at work names a Job, which it takes by that."""
        self._jobs, self._pods, self._uses_job = jobs, pods, uses_job
        self._being_taken: set[str] = set()
        self._without_node: set[str] = set()
        """VideoJobs whose pod finds no node."""
        self._cold: set[str] = set()
        """uids of VideoJobs that get no standby pod."""
        self.is_refused = False
        """Whether the API server refused to give a pod away: from then on none stands by, until the operator restarts
        with other rights or policies."""
        self.config: Mapping[Profile, str] = {}
        """Digest of what a standby Job is built from now; no pod of another one is offered."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a standby object, or the need for its node, has changed."""

    def changed(self) -> None:
        self.on_change()

    def jobs(self) -> tuple[ObservedJob, ...]:
        """Those that no VideoJob has taken, the oldest first."""
        idle = (job for job in self._jobs.of(IDLE) if not self._is_taken(job))
        return tuple(sorted(idle, key=lambda job: (job.created, job.name)))

    def offers(self, videojob_uid: str) -> dict[Profile, StandbyPod]:
        """The oldest ready pod of each profile, where the VideoJob may have one."""
        if self.is_refused or videojob_uid in self._cold:
            return {}
        found: dict[Profile, StandbyPod] = {}
        for job in self.jobs():
            pod = self.ready_pod(job)
            if job.standby is not None and pod is not None and job.config == self.config.get(job.standby):
                found.setdefault(job.standby, StandbyPod(job, pod))
        return found

    def count_ready(self, profile: Profile) -> int:
        return sum(job.standby is profile and self.ready_pod(job) is not None for job in self.jobs())

    def ready_pod(self, job: ObservedJob) -> ObservedPod | None:
        """The pod of a Job that is not ending."""
        if job.deleted or job.suspended or job.failed or job.succeeded:
            return None
        pods = (pod for pod in self._pods.of(IDLE) if pod.job_uid == job.uid)
        return next((pod for pod in pods if pod.is_live and pod.ready and pod.node), None)

    def begins_cold(self, videojob_uid: str) -> None:
        """What a standby pod would need of the VideoJob is missing."""
        self._cold.add(videojob_uid)

    def refuse(self) -> None:
        self.is_refused = True
        self.changed()

    def update_waiting(self, name: str, pods: Iterable[ObservedPod]) -> None:
        """Take over which pods of a VideoJob the cache has."""
        waits = any(pod.is_live and pod.waiting and pod.waiting[0] == UNSCHEDULABLE for pod in pods)
        if waits != (name in self._without_node):
            (self._without_node.add if waits else self._without_node.discard)(name)
            self.changed()

    @property
    def is_node_needed(self) -> bool:
        """Whether a VideoJob's pod waits for a node."""
        return bool(self._without_node)

    @contextmanager
    def taking(self, job: str) -> Iterator[bool]:
        """Whether the Job may be taken; nobody else may until the block ends, when the cache shows it."""
        if job in self._being_taken:
            yield False
            return
        self._being_taken.add(job)
        try:
            yield True
        finally:
            self._being_taken.discard(job)

    def _is_taken(self, job: ObservedJob) -> bool:
        return job.name in self._being_taken or self._uses_job(job.name)
