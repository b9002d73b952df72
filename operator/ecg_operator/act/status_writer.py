"""Writes a VideoJob's status: whole, and only over the version that was decided on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import NotFoundError
from ecg_contract.videojob.resource import VideoJob, VideoJobStatus
from ecg_operator.observe.cache import Cache


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

    async def write(self, videojob: VideoJob, status: VideoJobStatus) -> VideoJob:
        """`videojob` with `status`. Raises ConflictError when it has changed since it was read, and NotFoundError."""
        manifest = videojob.model_copy(update={"status": status}).to_manifest()
        metadata = videojob.metadata
        manifest["metadata"] = {
            "name": metadata.name,
            "namespace": self._namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        }
        written = await self._cluster.replace(paths.videojobs(self._namespace, metadata.name, "status"), manifest)
        self._cache.videojobs.put(written)
        return VideoJob.from_manifest(written)

    async def read(self, name: str) -> VideoJob | None:
        """The VideoJob as the API server has it now, None where it has none. Raises ClusterError."""
        try:
            manifest = await self._cluster.get(paths.videojobs(self._namespace, name))
        except NotFoundError:
            return None
        self._cache.videojobs.put(manifest)
        return VideoJob.from_manifest(manifest)
