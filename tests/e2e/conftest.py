"""Fixtures: the cluster of this machine, and outside the cluster a backend, an HTTP server and S3."""

from collections.abc import Iterator

import pytest

from ecg_dev.images.recipes import recipes
from ecg_dev.node.cluster import NodeCluster
from ecg_dev.node.network import HOST_ADDRESS
from support import s3
from support.media_server import MediaServer
from support.pipeline_process import ROOT
from support.receiver import Receiver


@pytest.fixture(scope="session")
def node() -> NodeCluster:
    cluster = NodeCluster()
    if not cluster.is_up():
        pytest.exit("no cluster is up: make cluster-up images", returncode=2)
    there = cluster.ctr("images", "list", "--quiet").split()
    missing = [recipe.name for recipe in recipes("") if recipe.tag not in there]
    if missing:
        pytest.exit(f"images are missing in the cluster ({', '.join(missing)}): make images", returncode=2)
    return cluster


@pytest.fixture(scope="module")
def backend(node: NodeCluster) -> Iterator[Receiver]:
    with Receiver(host=HOST_ADDRESS) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def media(node: NodeCluster) -> Iterator[MediaServer]:
    """An HTTP server that serves the sample videos by name."""
    with MediaServer(HOST_ADDRESS) as server:
        server.serve_files(ROOT / "demo/samples", "*.mp4")
        yield server


@pytest.fixture(scope="module")
def bucket(node: NodeCluster) -> Iterator[str]:
    """URL of an S3 endpoint with an empty bucket for results."""
    with s3.serving(HOST_ADDRESS) as endpoint:
        yield endpoint
