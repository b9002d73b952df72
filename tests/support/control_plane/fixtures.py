"""The control plane for tests: one for the whole run, a namespace for each test."""

import json
import secrets
from collections.abc import Iterator

import pytest

from ecg_contract.crd import custom_resource_definition
from support.control_plane.played import add_node
from support.control_plane.server import ControlPlane

_CRD = "crd/videojobs.ecg-analyzer.io"


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler; nothing is installed in them."""
    plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with the VideoJob definition and a played node with GPUs."""
    control_plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(custom_resource_definition()))
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", _CRD)
    add_node(control_plane)
    return control_plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own, with a service account `pipeline` for pods; deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    control_plane.kubectl("create", "serviceaccount", "pipeline", "-n", name)
    may = ("--verb=patch", "--resource=videojobs.ecg-analyzer.io/status", "--verb=create", "--resource=configmaps")
    control_plane.kubectl("create", "role", "pipeline", "-n", name, *may)
    bound = ("--role=pipeline", f"--serviceaccount={name}:pipeline")
    control_plane.kubectl("create", "rolebinding", "pipeline", "-n", name, *bound)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
