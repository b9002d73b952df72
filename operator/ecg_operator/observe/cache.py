"""All that the watches have brought, and nothing else: one store for each kind of object."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from ecg_common.clock import Monotonic
from ecg_contract.videojob.manifests import Manifest
from ecg_operator.observe.job_queue import Demand, JobQueue
from ecg_operator.observe.owned_objects import OwnedObjects
from ecg_operator.observe.run_state import RunState
from ecg_operator.observe.snapshot import (
    Observed,
    ObservedJob,
    ObservedPod,
    Refusal,
    Warning_,
    observed_job,
    observed_pod,
    occupies_slot,
)
from ecg_operator.observe.standby import IDLE, Standby
from ecg_operator.observe.videojobs import VideoJobs

_MAX_WARNINGS = 5000


class Store(Protocol):
    """Objects of one kind, each in its newest version."""

    def put(self, manifest: Manifest) -> str:
        """The name of the VideoJob that it is or belongs to. Stale resourceVersions are ignored."""

    def drop(self, uid: str) -> str | None:
        """Forget a deleted object; the name of its VideoJob, None for an unknown object."""

    def version(self, uid: str) -> int:
        """The newest resourceVersion seen; 0 for an unknown object."""

    def uids(self) -> set[str]: ...


class Cache:
    def __init__(
        self,
        monotonic: Monotonic,
        queue: JobQueue,
        changed: Callable[[str], None] = lambda _: None,
        wake: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`changed` is called for every new version, of the watches and of this operator's own writes; `wake` where a
        VideoJob is to be reconciled because of it."""
        self._monotonic, self.queue, self._notify, self._wake = monotonic, queue, changed, wake
        self._is_own_write = False
        self._in_sync_since = monotonic()
        self._warnings: dict[str, Warning_] = {}
        """By the uid of the Job or pod, which may come after its warning."""
        self._refusals: dict[str, Refusal] = {}
        """By the VideoJob's name."""
        self.videojobs = VideoJobs(monotonic, self._changed)
        self.jobs: OwnedObjects[ObservedJob] = OwnedObjects(observed_job, self._warnings, self._changed)
        self.pods: OwnedObjects[ObservedPod] = OwnedObjects(observed_pod, self._warnings, self._changed)
        self.standby = Standby(self.jobs, self.pods, self.videojobs.uses_job)

    def mark_in_sync(self) -> None:
        """From now on a missing heartbeat is the pod's fault; before, this operator may have missed it."""
        self._in_sync_since = self._monotonic()

    def warn(self, warning: Warning_) -> str | None:
        """Keep the newest for each object; the VideoJob that it concerns, None where that is not known."""
        uid = warning.about_uid
        self._warnings.pop(uid, None)
        while len(self._warnings) >= _MAX_WARNINGS:  # others' pods, and pods that the watch has not brought yet
            del self._warnings[next(iter(self._warnings))]
        self._warnings[uid] = warning
        return self.jobs.videojob_of(uid) or self.pods.videojob_of(uid)

    def observe(self, name: str) -> Observed | None:
        """All that is known about one VideoJob; None where it does not exist."""
        videojob = self.videojobs.get(name)
        if videojob is None:
            return None
        jobs, pods = self.jobs.of(name), self.pods.of(name)
        uids = [job.uid for job in jobs] + [pod.uid for pod in pods]
        warnings = tuple(self._warnings[uid] for uid in uids if uid in self._warnings)
        seen_at = max(self.videojobs.life_seen_at(name), self._in_sync_since)
        silence = timedelta(seconds=self._monotonic() - seen_at)
        return Observed(
            videojob,
            jobs,
            pods,
            warnings,
            silence,
            self.queue.place(name),
            self.videojobs.paces,
            self._refusals.get(name),
            self.standby.offers(videojob.metadata.uid),
        )

    def put_written(self, manifest: Manifest) -> None:
        """Take over a VideoJob as this operator wrote it: what was decided on need not be decided again."""
        self._is_own_write = True
        try:
            self.videojobs.put(manifest)
        finally:
            self._is_own_write = False

    def refuse_job(self, name: str, refusal: Refusal | None) -> None:
        """Keep why the API server refused to create the VideoJob's Job; None: it has one."""
        if refusal is None:
            self._refusals.pop(name, None)
        else:
            self._refusals[name] = refusal

    def _changed(self, name: str) -> None:
        if name == IDLE:
            return self.standby.changed()
        jobs, pods = self.jobs.of(name), self.pods.of(name)
        self.standby.update_waiting(name, pods)
        state = self.videojobs.run_state(name)
        occupies = any(occupies_slot(job, pods) for job in jobs)
        begins = state is RunState.WAITING and not (occupies and not self.videojobs.has_attempt(name))
        turn = self.videojobs.turn(name) if begins else None
        self.queue.update(name, Demand(turn, occupies or state is RunState.AT_WORK))
        self._notify(name)
        if not self._is_own_write or state is not RunState.AT_WORK:
            self._wake(name)
