"""Waits for a VideoJob to reach its final state, with a Kubernetes watch."""

import asyncio

from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.kubernetes.view import state_of
from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_contract.videojob.names import videojob_name
from ecg_contract.videojob.resource import VideoJob

_PAUSE_S = 0.5
_WATCH_S = 60
"""Longest watch: a connection that died without notice is replaced when it is over."""


async def final_videojob(client: VideoJobClient, watching: Cluster, namespace: str, job_id: str) -> VideoJob | None:
    """The VideoJob once it is final; None once it is removed. Errors of the API server are retried."""
    while True:
        try:
            found, version = await client.list_videojobs(name=videojob_name(job_id))
            videojob = next((videojob for videojob in found if videojob.spec.job_id == job_id), None)
            if videojob is None or state_of(videojob).is_final:
                return videojob
            await _watch(watching, namespace, videojob.metadata.name, version)
        except ClusterError:
            await asyncio.sleep(_PAUSE_S)


async def _watch(watching: Cluster, namespace: str, name: str, version: str) -> None:
    """Return when the VideoJob is final or deleted, or the watch has ended."""
    path, selector = paths.videojobs(namespace), f"metadata.name={name}"
    async for event in watching.watch(path, version, field=selector, limit_s=_WATCH_S):
        if event["type"] == "DELETED":
            return
        if event["type"] == "MODIFIED" and state_of(VideoJob.from_manifest(event["object"])).is_final:
            return
