"""Builds the API in a cluster, with VideoJobs as its job store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from ecg_api.http.app import create_app
from ecg_api.kubernetes.backlog import Backlog
from ecg_api.kubernetes.job_index import JobIndex
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.kubernetes.store import Listing, VideoJobStore
from ecg_api.kubernetes.uploads import BucketUploads
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.kubernetes.videojob_watch import VideoJobWatch
from ecg_api.settings import Settings
from ecg_cluster.client import Cluster, connect
from ecg_cluster.errors import NoClusterError
from ecg_cluster.results import ClusterResults
from ecg_cluster.s3 import s3_client

__all__ = ["NoClusterError", "build_app"]


async def build_app(settings: Settings, kubernetes: KubernetesSettings) -> FastAPI:
    """The application. Raises NoClusterError outside a cluster and without KUBECONFIG."""
    cluster = await connect()
    watching = await connect(connections=0)  # a watch per waiting transcription must not block other requests
    watch = VideoJobWatch(watching, kubernetes.namespace)
    backlog = Backlog(watch, kubernetes.queue_limit, by_submitter=settings.api_keys_file is not None)
    index = JobIndex()
    watch.listen(index)
    client = VideoJobClient(cluster, watching, kubernetes.namespace, watch)
    store = _store(client, cluster, kubernetes, backlog, Listing(watch, index))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            async with watch:
                yield
        finally:
            await watching.close()
            await cluster.close()

    uploads = store if kubernetes.results_bucket else None
    return create_app(settings, store, lifespan, uploads=uploads, redelivery=store)


def _store(
    client: VideoJobClient, cluster: Cluster, kubernetes: KubernetesSettings, backlog: Backlog, listing: Listing
) -> VideoJobStore:
    bucket = kubernetes.results_bucket
    s3: Any = s3_client() if bucket else None
    results = ClusterResults(cluster, kubernetes.namespace, s3, bucket)
    uploads = BucketUploads(s3, bucket, kubernetes.results_prefix) if bucket else None
    return VideoJobStore(client, results, uploads, backlog, listing)
