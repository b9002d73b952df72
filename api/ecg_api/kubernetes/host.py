"""Builds the API in a cluster, with VideoJobs as its job store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from ecg_api.http.app import create_app
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.kubernetes.store import VideoJobStore
from ecg_api.kubernetes.uploads import BucketUploads
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
    store = _store(cluster, watching, kubernetes)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await watching.close()
            await cluster.close()

    uploads = store if kubernetes.results_bucket else None
    return create_app(settings, store, lifespan, uploads=uploads, redelivery=store)


def _store(cluster: Cluster, watching: Cluster, kubernetes: KubernetesSettings) -> VideoJobStore:
    bucket = kubernetes.results_bucket
    s3: Any = s3_client() if bucket else None
    results = ClusterResults(cluster, kubernetes.namespace, s3, bucket)
    uploads = BucketUploads(s3, bucket, kubernetes.results_prefix) if bucket else None
    return VideoJobStore(cluster, kubernetes.namespace, results, uploads, watching=watching)
