"""Fixtures: one control plane per test run, one namespace per test."""

import json
import secrets
from collections.abc import Iterator

import pytest

from ecg_cluster import paths
from ecg_contract.videojob.crd import custom_resource_definition
from ecg_dev.control_plane.server import ControlPlane, running_control_plane
from ecg_dev.waiting import wait_until
from support.played_kubelet import add_node, client


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler, with nothing installed."""
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with the VideoJob definition and a played node with GPUs."""
    prepare(control_plane)
    return control_plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace for one test, with a service account `pipeline` for pods; deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    make_namespace(control_plane, name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def prepare(plane: ControlPlane) -> None:
    """Install the VideoJob definition and add a played node."""
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(custom_resource_definition()))
    with client(plane) as admin:  # 404 until it is established, then 429 until its storage is initialized
        wait_until(lambda: admin.get(paths.videojobs("default")).is_success, 30)
    add_node(plane)


def make_namespace(plane: ControlPlane, name: str) -> None:
    """A namespace with the service account `pipeline`, which has a pipeline pod's rights."""
    rules = [
        {"apiGroups": ["ecg-analyzer.io"], "resources": ["videojobs/status"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pipeline"}
    subject = {"kind": "ServiceAccount", "name": "pipeline", "namespace": name}
    rights = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
    with client(plane) as admin:
        for path, body in (
            ("/api/v1/namespaces", {"metadata": {"name": name}}),
            (f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "pipeline"}}),
            (f"{rights}/roles", {"metadata": {"name": "pipeline"}, "rules": rules}),
            (f"{rights}/rolebindings", {"metadata": {"name": "pipeline"}, "roleRef": role, "subjects": [subject]}),
        ):
            admin.post(path, json=body).raise_for_status()
