"""Reads, watches and writes VideoJobs, and the Secrets of their source URLs, at the Kubernetes API server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from ecg_api.kubernetes.manifests import is_credential, source_secret_manifest
from ecg_api.kubernetes.videojob_watch import VideoJobWatch
from ecg_api.kubernetes.view import state_of
from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError, ClusterError, NotFoundError
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import videojob_name
from ecg_contract.videojob.resource import VideoJob

_PAUSE_S = 0.5
_WATCH_S = 60
"""Longest watch: a connection that died without notice is replaced when it is over."""


class VideoJobClient:
    """VideoJobs of one namespace. Every method but `follow` raises ClusterError."""

    def __init__(self, cluster: Cluster, watching: Cluster, namespace: str, watch: VideoJobWatch | None = None) -> None:
        """`watching` is the connection for watches, each of which may last long; `watch` is told what is written."""
        self._cluster, self._watching, self._namespace = cluster, watching, namespace
        self._watch = watch or VideoJobWatch(watching, namespace)

    async def find(self, job_id: str) -> VideoJob | None:
        try:
            videojob = await self.read(videojob_name(job_id))
        except NotFoundError:
            return None
        return videojob if videojob.spec.job_id == job_id else None  # another id may have the same hash

    async def read(self, name: str) -> VideoJob:
        return VideoJob.from_manifest(await self._cluster.get(paths.videojobs(self._namespace, name)))

    async def list_videojobs(self, *, name: str | None = None) -> tuple[list[VideoJob], str]:
        """All VideoJobs or the one called `name`, and the resourceVersion that a watch continues from."""
        fields = f"metadata.name={name}" if name else None
        found, version = await self._cluster.list(paths.videojobs(self._namespace), fields=fields)
        return [VideoJob.from_manifest(manifest) for manifest in found], version

    async def list_manifests(self) -> Sequence[Manifest]:
        """All VideoJobs, unparsed."""
        found, _ = await self._cluster.list(paths.videojobs(self._namespace))
        return found

    async def follow(self, job_id: str) -> AsyncIterator[VideoJob]:
        """The VideoJob now and after each change, until it is final or removed. Errors are retried."""
        name, is_over = videojob_name(job_id), False
        while not is_over:
            try:
                found, version = await self.list_videojobs(name=name)
                present = [videojob for videojob in found if videojob.spec.job_id == job_id]
                is_over = not present
                for videojob in present:
                    yield videojob
                    is_over = state_of(videojob).is_final
                if not is_over:
                    async for changed in self._changes(name, version):
                        if changed is not None:
                            yield changed
                        if is_over := changed is None or state_of(changed).is_final:
                            break
            except ClusterError as error:
                await asyncio.sleep(error.pause_s(_PAUSE_S))

    async def _changes(self, name: str, version: str) -> AsyncIterator[VideoJob | None]:
        """The VideoJob after each change since `version`, None for its removal, until the watch ends."""
        path, selector = paths.videojobs(self._namespace), f"metadata.name={name}"
        async for event in self._watching.watch(path, version, field=selector, limit_s=_WATCH_S):
            if event["type"] == "DELETED":
                yield None
            if event["type"] == "MODIFIED":
                yield VideoJob.from_manifest(event["object"])

    async def check(self) -> None:
        """Raises ClusterError where VideoJobs cannot be read."""
        await self._cluster.get(f"{paths.videojobs(self._namespace)}?limit=1")

    async def create(self, manifest: Manifest, url: str) -> None:
        """Create the VideoJob, and the Secret of its URL where that is a credential."""
        created = await self._cluster.create(paths.videojobs(self._namespace), manifest)
        self._watch.put(created)
        await self.store_source(VideoJob.from_manifest(created), url)

    async def patch(self, videojob: VideoJob, **spec: Any) -> None:
        """Raises ConflictError when it has changed since it was read."""
        version = {"resourceVersion": videojob.metadata.resource_version}
        path = paths.videojobs(self._namespace, videojob.metadata.name)
        self._watch.put(await self._cluster.patch(path, {"metadata": version, "spec": spec}))

    async def delete(self, videojob: VideoJob, *, version: str | None = None) -> None:
        """Raises ConflictError for another object of that name, and when it is not at `version` any more."""
        path = paths.videojobs(self._namespace, videojob.metadata.name)
        await self._cluster.delete(path, uid=videojob.metadata.uid, version=version)
        self._watch.remove(videojob.metadata.uid)

    async def store_source(self, videojob: VideoJob, url: str) -> None:
        """Create the Secret of a URL that is a credential, or renew its signature."""
        if not videojob.spec.source.from_secret:
            return
        secrets, manifest = paths.core(self._namespace, "secrets"), source_secret_manifest(videojob, url)
        try:
            await self._cluster.create(secrets, manifest)
        except AlreadyExistsError:
            if is_credential(url):  # an unsigned URL must not replace a signed one
                await self._cluster.replace(f"{secrets}/{manifest['metadata']['name']}", manifest)
