"""The front door in a cluster, put together: the API, and VideoJobs as its job store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import boto3
from botocore.config import Config
from fastapi import FastAPI

from ecg_api.main import create_app
from ecg_api.settings import Settings
from ecg_api.settings_kubernetes import KubernetesSettings
from ecg_api.stores.bucket_uploads import BucketUploads
from ecg_api.stores.kubernetes import VideoJobStore
from ecg_api.stores.result_files import ResultFiles
from ecg_cluster.client import Cluster, connect
from ecg_cluster.results import ClusterResults


async def build_app(settings: Settings, kubernetes: KubernetesSettings) -> FastAPI:
    """Raises kubernetes.aio.config.ConfigException outside a cluster and without KUBECONFIG."""
    cluster = await connect()
    store = _store(cluster, kubernetes)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await cluster.close()

    uploads = store if kubernetes.results_bucket else None
    return create_app(settings, store, lifespan, uploads=uploads, redelivery=store)


def _store(cluster: Cluster, kubernetes: KubernetesSettings) -> VideoJobStore:
    bucket = kubernetes.results_bucket
    s3: Any = boto3.client("s3", config=Config(signature_version="s3v4")) if bucket else None
    results = ClusterResults(cluster, kubernetes.namespace, s3, bucket)
    uploads = BucketUploads(s3, bucket, kubernetes.results_prefix) if bucket else None
    return VideoJobStore(cluster, kubernetes.namespace, ResultFiles(results), uploads)
