"""The fixtures of this folder."""

import pytest

from ecg_dev.control_plane.server import ControlPlane
from support.cluster_jobs import VideoJobs
from support.release import release

__all__ = ["release"]


@pytest.fixture
def videojobs(cluster: ControlPlane, namespace: str) -> VideoJobs:
    return VideoJobs(cluster, namespace)
