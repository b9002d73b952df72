"""Writes a VideoJob's status: whole, and only over the version that was decided on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import NotFoundError
from ecg_common.clock import Monotonic
from ecg_contract.videojob.resource import ConditionType, VideoJob, VideoJobStatus
from ecg_contract.videojob.state import is_in_progress
from ecg_operator.decide.plan import Plan
from ecg_operator.observe.cache import Cache

LONGEST_DELAY_S = 5.0


class StatusWriter:
    """Puts what it writes and reads into the cache, so that the next pass sees it before the watch brings it."""

    def __init__(self, cluster: Cluster, namespace: str, cache: Cache) -> None:
        self._cluster, self._namespace, self._cache = cluster, namespace, cache
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def locked(self, name: str) -> AsyncIterator[None]:
        """Lock a VideoJob for reading and writing, within this process."""
        lock, waiting = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[name]
            self._locks[name] = (lock, waiting - 1)
            if waiting == 1:
                del self._locks[name]

    async def write(self, videojob: VideoJob, status: VideoJobStatus) -> None:
        """Replace the status. Raises ConflictError when the VideoJob changed since it was read, and NotFoundError."""
        manifest = videojob.model_copy(update={"status": status}).to_manifest()
        metadata = videojob.metadata
        manifest["metadata"] = {
            "name": metadata.name,
            "namespace": self._namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        }
        path = paths.videojobs(self._namespace, metadata.name, "status")
        self._cache.put_written(await self._cluster.replace(path, manifest))

    async def read(self, name: str) -> VideoJob | None:
        """The VideoJob as the API server has it now; None where it has none, and the cache neither from now on.

        Raises ClusterError.
        """
        try:
            manifest = await self._cluster.get(paths.videojobs(self._namespace, name))
        except NotFoundError:
            self._cache.videojobs.drop_named(name)
            return None
        self._cache.videojobs.put(manifest)
        return VideoJob.from_manifest(manifest)


class WriteDelay:
    """Delays a write that only people would notice, so that it goes out together with another one.

    Owns since when the write of each VideoJob is delayed; in memory only: an operator that starts delays it again.
    """

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._since: dict[str, float] = {}

    def seconds_left(self, videojob: VideoJob, plan: Plan) -> float:
        """How long the plan may still wait; 0 when it should be carried out now."""
        name, now = videojob.metadata.name, self._monotonic()
        if plan.acts or plan.status == videojob.status or not is_for_people(videojob.status, plan.status):
            self.forget(name)
            return 0.0
        left = self._since.setdefault(name, now) + LONGEST_DELAY_S - now
        if left <= 0:
            self.forget(name)
        return max(left, 0.0)

    def forget(self, name: str) -> None:
        self._since.pop(name, None)


def is_for_people(before: VideoJobStatus, after: VideoJobStatus) -> bool:
    """Whether the two differ in nothing that a program waits for: only in texts and times."""
    if before.run is None and after.attempt is not None and is_in_progress(after):  # its first Job names its attempt
        return after.attempt.pod_uid is None and after.attempt.stuck_since is None
    return _for_programs(before) == _for_programs(after)


def _for_programs(status: VideoJobStatus) -> tuple[object, ...]:
    attempt, scheduled = status.attempt, status.condition(ConditionType.SCHEDULED)
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return (
        status.run,
        status.completion_time,
        status.observed_redelivery,
        status.callbacks,
        attempt and (attempt.number, attempt.pod_uid, attempt.stuck_since is None),
        scheduled and scheduled.status,
        succeeded and (succeeded.status, succeeded.reason),
    )
