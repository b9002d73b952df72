"""`kubectl ecg` by the real kubectl, through the real API server's proxy, as a user with few rights."""

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecg_api.http.app import create_app
from ecg_api.http.key_file import new_key
from ecg_api.settings import Settings
from ecg_contract.languages import Language
from ecg_dev.control_plane.binaries import program
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.chart import ROOT
from support.fake_store import FakeStore
from support.live_server import live_server
from support.played_kubelet import Manifest, client
from support.printed_document import blocks_of, check_or_update
from support.submissions import submission

Kubectl = Callable[..., subprocess.CompletedProcess[str]]
LABELS = {"app.kubernetes.io/name": "ecg-audio-analyzer", "app.kubernetes.io/component": "api"}
MERGE = {"content-type": "application/merge-patch+json"}
RULES = [
    {"apiGroups": [""], "resources": ["services"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get", "create", "delete"]},
]


def own_address() -> str:
    """An address of this machine that is not loopback, to which the API server refuses to connect."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.fixture
def store(tmp_path: Path) -> FakeStore:
    (tmp_path / "uploads").mkdir()
    return FakeStore(tmp_path / "uploads")


@pytest.fixture
def key(tmp_path: Path) -> str:
    made, line = new_key("kubectl")
    (tmp_path / "keys").write_text(f"{line.to_line()}\n")
    return made


@pytest.fixture
def api(tmp_path: Path, key: str, store: FakeStore) -> Iterator[str]:
    """The API, which asks for a key; its port."""
    app = create_app(Settings(api_keys_file=tmp_path / "keys"), store, uploads=store, redelivery=store)
    with live_server(app, own_address()) as url:
        yield url.rpartition(":")[2]


@pytest.fixture
def kubectl(cluster: ControlPlane, namespace: str, key: str, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """Runs kubectl as a service account with `RULES` in the namespace, which is its context's."""
    rights = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "jobs"}
    subject = {"kind": "ServiceAccount", "name": "pipeline", "namespace": namespace}
    with client(cluster) as admin:
        admin.post(f"{rights}/roles", json={"metadata": {"name": "jobs"}, "rules": RULES}).raise_for_status()
        binding = {"metadata": {"name": "jobs"}, "roleRef": role, "subjects": [subject]}
        admin.post(f"{rights}/rolebindings", json=binding).raise_for_status()
        token = admin.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/pipeline/token", json={})
    config = cluster.kubeconfig_for(token.json()["status"]["token"], namespace)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(config), "ECG_API_KEY": key}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(program("kubectl")), "ecg", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return run


def add_release(cluster: ControlPlane, namespace: str, port: str) -> None:
    """A Service without a selector, whose Endpoints no controller changes, and a pod that is the live server."""
    service: Manifest = {"metadata": {"name": "ecg-api", "labels": LABELS}}
    service["spec"] = {"ports": [{"name": "http", "port": 80, "targetPort": int(port)}]}
    pod: Manifest = {"metadata": {"name": "api", "labels": LABELS}}
    pod["spec"] = {"schedulerName": "nobody", "containers": [{"name": "api", "image": "none"}]}
    address = own_address()
    target = {"kind": "Pod", "name": "api", "namespace": namespace}
    subset = {"addresses": [{"ip": address, "targetRef": target}], "ports": [{"name": "http", "port": int(port)}]}
    endpoints: Manifest = {"metadata": {"name": "ecg-api"}, "subsets": [subset]}
    core = f"/api/v1/namespaces/{namespace}"
    with client(cluster) as admin:
        admin.post(f"{core}/services", json=service).raise_for_status()
        admin.post(f"{core}/endpoints", json=endpoints).raise_for_status()
        admin.post(f"{core}/pods", json=pod).raise_for_status()
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
        admin.patch(f"{core}/pods/api/status", json=status, headers=MERGE).raise_for_status()
        health = f"{core}/services/ecg-api:http/proxy/health"
        wait_until(lambda: admin.get(health).is_success, 30, lambda: admin.get(health).text)


def test_jobs_are_listed_and_cancelled(
    cluster: ControlPlane, namespace: str, api: str, kubectl: Kubectl, store: FakeStore
) -> None:
    add_release(cluster, namespace, api)
    store.put(submission("a/job"))
    listed = kubectl("list")
    assert (listed.returncode, "a/job" in listed.stdout) == (0, True), listed.stderr
    assert kubectl("cancel", "a/job", "--service", "ecg-api:http").stdout == "a/job: cancelled\n"
    unknown = kubectl("get", "nobody")
    assert (unknown.returncode, unknown.stderr) == (1, "ecg get: nobody: there is no job with this id\n")


def test_the_document_shows_what_is_printed(
    cluster: ControlPlane, namespace: str, api: str, kubectl: Kubectl, store: FakeStore
) -> None:
    add_release(cluster, namespace, api)
    store.put(submission("first", language=Language.EN))
    document = ROOT / "docs/commands.md"
    (block,) = blocks_of(document.read_text(), in_a_cluster=True)

    def printed(command: str) -> str:
        arguments = command.removeprefix("kubectl ecg ").replace("-n ecg", f"-n {namespace}")
        done = kubectl(*shlex.split(arguments))
        return done.stdout + done.stderr

    check_or_update(document, [block], [block.printing([printed(command) for command in block.commands])])


def test_a_namespace_without_a_release_says_so(cluster: ControlPlane, namespace: str, kubectl: Kubectl) -> None:
    none = kubectl("list")
    assert (none.returncode, "has no release (-n names another namespace)" in none.stderr) == (2, True)
    forbidden = kubectl("list", "-n", "kube-system")
    assert (forbidden.returncode, "services in the namespace kube-system: 403" in forbidden.stderr) == (2, True)
    missing = kubectl("list", "--kubeconfig", "/nowhere")
    assert (missing.returncode, "/nowhere" in missing.stderr) == (2, True), missing.stderr
