"""The rendered chart is accepted by a real API server, and its pods by restricted Pod Security."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_dev.control_plane.server import ControlPlane
from support import chart, foreign_definitions
from support.chart_pods import pipeline_pod
from support.played_kubelet import Manifest

CASES = {**chart.VALUES, "full": Path(__file__).parent / "values-full.yaml"}


@pytest.fixture(scope="module")
def restricted(cluster: ControlPlane) -> Iterator[str]:
    """A namespace that enforces restricted Pod Security."""
    name = f"restricted-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    for account in ("ecg-api", "ecg-operator", "ecg-pipeline", "speech-api", "given-operator", "given-pipeline"):
        cluster.kubectl("create", "serviceaccount", account, "-n", name)
    for priority in ("videos", "speech.videos.interactive", "ecg.videos.interactive"):
        cluster.kubectl("create", "priorityclass", priority, "--value=1", check=False)
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "n"}
    chart.apply(cluster, [runtime])
    foreign_definitions.install(cluster)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("case", CASES)
def test_the_server_accepts_everything_rendered(cluster: ControlPlane, restricted: str, case: str) -> None:
    manifests = chart.render("-f", str(CASES[case]), namespace=restricted)
    output = chart.apply(cluster, manifests, "--dry-run=server", "--validate=strict", "--force-conflicts")
    assert len(output.splitlines()) == len(manifests)


@pytest.mark.parametrize("case", CASES)
def test_helm_4_renders_the_same(case: str) -> None:
    files = ("-f", str(CASES[case]))
    assert chart.render(*files, command="helm4") == chart.render(*files)


@pytest.mark.parametrize("case", CASES)
def test_every_pod_keeps_to_restricted_pod_security(
    cluster: ControlPlane, restricted: str, case: str, tmp_path: Path
) -> None:
    manifests = chart.render("-f", str(CASES[case]), namespace=restricted)
    pods = [chart.pod_of(m) for m in manifests if m["kind"] in ("Deployment", "Pod")]
    pods += [pipeline_pod(manifests, profile, tmp_path) for profile in ("gpu", "cpu")]
    assert len(pods) == 5
    for pod in pods:
        output = cluster.kubectl("create", "--dry-run=server", "-n", restricted, "-f", "-", stdin=json.dumps(pod))
        assert "created" in output
        _is_locked_down(pod["spec"])


def test_the_restricted_namespace_refuses_a_plain_pod(cluster: ControlPlane, restricted: str) -> None:
    output = cluster.kubectl("run", "plain", "--image=x", "--dry-run=server", "-n", restricted, check=False)
    assert "violates PodSecurity" in output


def _is_locked_down(spec: Manifest) -> None:
    """Restrictions beyond restricted Pod Security."""
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsUser"] == 10001
    assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in spec["containers"])
    assert all("memory" in c["resources"]["limits"] for c in spec["containers"])
