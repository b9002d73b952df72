"""`make cluster-up` and `cluster-down` on this machine: what runs, and that nothing remains."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_dev.node import requirements
from ecg_dev.node.cluster import GPUS, NODE, NodeCluster
from ecg_dev.node.config import PAUSE_IMAGE
from support.played_kubelet import client

_REASON = requirements.why_not()
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "pause"},
    "spec": {
        "containers": [{"name": "pause", "image": PAUSE_IMAGE, "imagePullPolicy": "Never", "command": ["/pause"]}],
        "terminationGracePeriodSeconds": 1,
    },
}


@pytest.fixture
def cluster() -> Iterator[NodeCluster]:
    if _REASON:
        pytest.skip(_REASON)
    cluster = NodeCluster()
    if cluster.machine.first is not None:
        pytest.skip("a cluster is up on this machine: make cluster-down")
    yield cluster
    cluster.down()


def _shown(*command: str) -> set[str]:
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())


def _rules() -> set[str]:
    """iptables rules and chains, without counters and comments."""
    shown = _shown("iptables-save")
    return {line.partition("[")[0] for line in shown if not line.startswith("#")}


def _programs() -> set[str]:
    """Process id, start time and command of the processes that clusters consist of, without zombies: those in another
    process namespace than this test's, and those that entered one. Other tests on this machine start neither."""
    own = str(Path("/proc/self/ns/pid").stat().st_ino)
    shown = [line.split(maxsplit=2) for line in _shown("ps", "-eo", "state=,pidns=,pid=,lstart=,comm=")]
    return {
        line
        for state, namespace, line in shown
        if state != "Z" and (namespace not in (own, "-") or line.endswith(("unshare", "nsenter")))
    }


def _cgroups() -> set[str]:
    return {str(path) for path in Path("/sys/fs/cgroup").glob("*/*") if path.is_dir()} | {
        str(path) for path in Path("/sys/fs/cgroup").glob("*") if path.is_dir()
    }


def _state_of_this_machine() -> dict[str, set[str]]:
    return {
        "mounts": set(Path("/proc/self/mounts").read_text().splitlines()),
        "interfaces": {path.name for path in Path("/sys/class/net").iterdir()},
        "iptables": _rules(),
        "addresses": _shown("ip", "-brief", "address"),
        "routes": _shown("ip", "route"),
        "control groups": _cgroups(),
    }


@pytest.mark.timeout(1200)  # the first on a machine builds the node's programs
def test_nothing_is_left_of_a_cluster_that_was_up(cluster: NodeCluster) -> None:
    before, programs = _state_of_this_machine(), _programs()
    cluster.up()
    assert _state_of_this_machine() != before, "the test sees nothing"
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_POD))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/pause", "--timeout=60s")
    running = {line.rsplit(maxsplit=1)[-1] for line in _programs() - programs}
    assert running >= {"etcd", "kube-apiserver", "containerd", "kubelet", "pause", "unshare", "nsenter"}
    cluster.down()
    assert _state_of_this_machine() == before
    assert _programs() <= programs


def test_it_gives_gpus_counts_them_and_can_be_brought_up_twice(cluster: NodeCluster) -> None:
    cluster.up()
    first = cluster.machine.first
    cluster.machine.kill("kube-scheduler")
    cluster.up()
    assert cluster.machine.first == first, "another machine was made"
    assert not cluster.machine.dead()
    with client(cluster) as admin:
        status = admin.get(f"/api/v1/nodes/{NODE}").json()["status"]
    assert status["allocatable"]["nvidia.com/gpu"] == str(GPUS)
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(_POD))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/pause", "--timeout=60s")
    assert cluster.kubectl("logs", "pause") == "", "it says nothing, and the kubelet was asked"


def test_who_is_not_root_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root is needed" in str(requirements.why_not())
    assert "docs/kind.md" in str(requirements.why_not())


def test_missing_packages_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "_is_there", lambda program: program not in ("runc", "ctr"))
    reason = str(requirements.why_not())
    assert "make cluster-packages" in reason
    assert "apt-get install containerd runc" in reason
