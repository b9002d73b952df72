"""The chart, rendered by helm."""

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without types

from ecg_dev.control_plane.binaries import program
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "ecg-audio-analyzer"
VALUES = {"default": CHART / "values.yaml", "eks": ROOT / "deploy/eks/values.yaml", "kind": CHART / "values-kind.yaml"}
_KUBE_VERSION = "1.36.3"  # the default of a helm built from source is 1.20


def helm(*arguments: str, command: str = "helm") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program(command)), *arguments], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
    )


def template(*arguments: str, release: str = "ecg", namespace: str = "videos", command: str = "helm") -> str:
    """Returns the output of `helm template`. Raises AssertionError with its error message when it fails."""
    where = (release, str(CHART), "-n", namespace, "--kube-version", _KUBE_VERSION)
    done = helm("template", *where, *arguments, command=command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(*arguments: str) -> str:
    """Returns helm's error message for invalid values."""
    done = helm("template", "ecg", str(CHART), "--kube-version", _KUBE_VERSION, *arguments)
    assert done.returncode != 0, "the values were accepted"
    return done.stderr


def render(*arguments: str, release: str = "ecg", namespace: str = "videos", command: str = "helm") -> list[Manifest]:
    documents = yaml.safe_load_all(template(*arguments, release=release, namespace=namespace, command=command))
    return [document for document in documents if document]


def one(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    found = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def pod_of(manifest: Manifest) -> Manifest:
    """The Pod manifest of a Deployment or of a Pod."""
    template = manifest["spec"]["template"] if manifest["kind"] == "Deployment" else manifest
    metadata = {"name": manifest["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def environment(variables: Iterable[Manifest]) -> dict[str, str]:
    """Values by name; a reference as `<its kind>`."""
    return {v["name"]: v["value"] if "value" in v else f"<{next(iter(v['valueFrom']))}>" for v in variables}


def container_environment(manifests: Iterable[Manifest], component: str, release: str = "ecg") -> dict[str, str]:
    deployment = one(manifests, "Deployment", f"{release}-{component}")
    return environment(deployment["spec"]["template"]["spec"]["containers"][0]["env"])


def pod_config(manifests: Iterable[Manifest], release: str = "ecg") -> str:
    """The content of the operator's POD_CONFIG_FILE."""
    return str(one(manifests, "ConfigMap", f"{release}-pods")["data"]["pods.json"])


def apply(plane: ControlPlane, manifests: Iterable[Manifest], *arguments: str) -> str:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    return plane.kubectl("apply", "--server-side", *arguments, "-f", "-", stdin=json.dumps(listed))


def secure(plane: ControlPlane, namespace: str, release: str) -> None:
    """Install the chart's accounts, roles and policies, with standby pods; returns once the policies are enforced."""
    kinds = ("ServiceAccount", "Role", "RoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    chosen = ("--set", "crds.install=false,standby.cpu=1")
    manifests = render(*chosen, release=release, namespace=namespace)
    apply(plane, (m for m in manifests if m["kind"] in kinds and "hook" not in str(m["metadata"].get("annotations"))))
    wait_until(lambda: _policies_are_enforced(plane, namespace, release), 30, lambda: "the policies are not enforced")


def _policies_are_enforced(plane: ControlPlane, namespace: str, release: str) -> bool:
    """Whether the policies refuse three forged writes (dry runs): enforcement starts shortly after creation."""
    account = f"system:serviceaccount:{namespace}:{release}-pipeline"
    probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}}
    job = {
        "apiVersion": "ecg-analyzer.io/v1alpha1",
        "kind": "VideoJob",
        "metadata": {"name": "probe"},
        "spec": {"jobId": "probe", "source": {"url": "https://media.example/v.mp4"}},
    }
    # The group gives the account administrator rights, so that only a policy can refuse it.
    who = (f"--as={account}", "--as-group=system:masters", "--dry-run=server", "-n", namespace, "-o", "name")
    outputs = [plane.kubectl("create", "-f", "-", *who, stdin=json.dumps(m), check=False) for m in (probe, job)]
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "probe"}}
    api = tuple(part.replace(f"{release}-pipeline", f"{release}-api") for part in who)
    outputs.append(plane.kubectl("create", "-f", "-", *api, stdin=json.dumps(secret), check=False))
    return all(re.search("ValidatingAdmissionPolicy .* denied request", text) for text in outputs)
