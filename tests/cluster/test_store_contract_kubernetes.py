"""The contract of every job store, for VideoJobs on a real Kubernetes API server."""

from collections.abc import AsyncIterator

import pytest

from ecg_api.kubernetes.backlog import Backlog
from ecg_api.kubernetes.store import VideoJobStore
from ecg_api.kubernetes.uploads import BucketUploads
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_cluster.client import connect
from ecg_cluster.results import ClusterResults
from ecg_cluster.s3 import s3_client
from ecg_dev.control_plane.server import ControlPlane
from support.s3 import BUCKET, environment, moto
from support.status_hand import StatusHand
from support.store_contract import Hand, StoreContract

__all__ = ["moto"]


@pytest.fixture
async def hand(
    cluster: ControlPlane, namespace: str, moto: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hand]:
    for name, value in {**environment(moto), "KUBECONFIG": str(cluster.kubeconfig)}.items():
        monkeypatch.setenv(name, value)
    connection, watching = await connect(), await connect(connections=0)
    uploads = BucketUploads(s3_client(), BUCKET, "")
    results = ClusterResults(connection, namespace)
    backlog = Backlog(watching, namespace, 0, by_submitter=True)
    store = VideoJobStore(VideoJobClient(connection, watching, namespace), results, uploads, backlog)
    async with backlog:
        yield StatusHand(store, connection, namespace)
    await watching.close()
    await connection.close()


class TestTheStoreInACluster(StoreContract):
    """Every test of the contract."""
