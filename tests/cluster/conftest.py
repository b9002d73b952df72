"""The fixtures of this folder."""

from collections.abc import AsyncIterator

import pytest

from ecg_cluster.client import Cluster, connect
from ecg_dev.control_plane.server import ControlPlane
from support.cluster_jobs import VideoJobs
from support.release import release

__all__ = ["release"]


@pytest.fixture
async def connection(cluster: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    """The client that the components use, as the administrator."""
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    connected = await connect()
    yield connected
    await connected.close()


@pytest.fixture
def videojobs(cluster: ControlPlane, namespace: str) -> VideoJobs:
    return VideoJobs(cluster, namespace)
