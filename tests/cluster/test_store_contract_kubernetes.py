"""The contract of every job store, for VideoJobs on a real Kubernetes API server."""

from collections.abc import AsyncIterator

import pytest

from ecg_api.kubernetes.backlog import Backlog
from ecg_api.kubernetes.job_index import JobIndex
from ecg_api.kubernetes.store import Listing, VideoJobStore
from ecg_api.kubernetes.uploads import BucketUploads
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.kubernetes.videojob_watch import VideoJobWatch
from ecg_cluster.client import connect
from ecg_cluster.results import ClusterResults
from ecg_cluster.s3 import s3_client
from ecg_dev.control_plane.server import ControlPlane
from support.s3 import BUCKET, environment, moto
from support.status_hand import StatusHand
from support.store_contract import StoreContract
from support.store_hand import Hand

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
    watch, index = VideoJobWatch(watching, namespace), JobIndex()
    watch.listen(index)
    client = VideoJobClient(connection, watching, namespace, watch)
    backlog = Backlog(watch, 0, by_submitter=True)
    store = VideoJobStore(client, results, uploads, backlog, Listing(watch, index))
    async with watch:
        await watch.known()
        yield StatusHand(store, connection, namespace, index)
    await watching.close()
    await connection.close()


class TestTheStoreInACluster(StoreContract):
    """Every test of the contract."""
