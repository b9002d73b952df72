"""The chart's accounts, roles and policies in a namespace, for tests of access control."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecg_dev.control_plane.server import ControlPlane
from support import chart
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import Manifest, PlayedPod, client, now

_MERGE = {"content-type": "application/merge-patch+json"}


@dataclass(frozen=True)
class Release:
    """The chart's access control in its own namespace; its pods never run but have tokens."""

    plane: ControlPlane
    namespace: str
    name: str
    admin: httpx.Client
    videojobs: VideoJobs

    def videojob(self, name: str | None = None) -> Manifest:
        return self.videojobs.create(name or f"job-{secrets.token_hex(4)}")

    def pod(self, videojob: Manifest, attempt: int = 1, account: str = "pipeline") -> PlayedPod:
        """An unscheduled pod named as a VideoJob's Job would name it."""
        metadata = videojob["metadata"]
        name = f"{metadata['name']}-{metadata['uid'][:6]}-a{attempt}-{secrets.token_hex(3)[:5]}"
        return self.unscheduled_pod({"name": name}, account)

    def unscheduled_pod(self, metadata: Manifest, account: str = "pipeline") -> PlayedPod:
        spec = {
            "schedulerName": "nobody",
            "serviceAccountName": f"{self.name}-{account}",
            "containers": [{"name": "pipeline", "image": "none"}],
        }
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        answer = self.admin.post(f"/api/v1/namespaces/{self.namespace}/pods", json=manifest)
        assert answer.is_success, answer.text
        return PlayedPod(self.plane, self.admin, answer.json())

    def assign(self, videojob: Manifest, pod: PlayedPod | None, attempt: int = 1, **status: Any) -> None:
        """Write `status.attempt` as the operator does."""
        current = {
            "number": attempt,
            "run": 1,
            "profile": "cpu",
            "pendingSince": now(),
            "jobName": f"{videojob['metadata']['name']}-a{attempt}",
            "podUID": pod.uid if pod else None,
        }
        body = {"status": {"phase": "Running", "attempt": current, **status}}
        answer = self.admin.patch(f"{self.path(videojob)}/status", json=body, headers=_MERGE)
        assert answer.is_success, answer.text

    def assigned(self, attempt: int = 1) -> tuple[Manifest, PlayedPod]:
        """A VideoJob and the pod that is assigned to it."""
        videojob = self.videojob()
        pod = self.pod(videojob, attempt)
        self.assign(videojob, pod, attempt)
        return videojob, pod

    def path(self, videojob: Manifest) -> str:
        name = videojob["metadata"]["name"]
        return f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{self.namespace}/videojobs/{name}"

    def operator(self, folder: Path, *values: str, **environment: str) -> OperatorProcess:
        """The operator with its service account's rights and the chart's POD_CONFIG_FILE for `values`."""
        config = folder / "pods.json"
        config.write_text(chart.pod_config(chart.render(*values, release=self.name), self.name))
        kubeconfig = self.plane.kubeconfig_for(self.token("operator"), self.namespace)
        given = {"PIPELINE_SERVICE_ACCOUNT": f"{self.name}-pipeline", "LEASE_NAME": f"{self.name}-operator"}
        given["POD_CONFIG_FILE"] = str(config)
        return OperatorProcess(self.plane, self.namespace, folder, KUBECONFIG=str(kubeconfig), **given, **environment)

    def as_administrator(self, pod: PlayedPod) -> tuple[str, ...]:
        """kubectl's flags for the pod's identity in an administrator's group, so that only a policy can refuse it."""
        account = f"--as=system:serviceaccount:{self.namespace}:{self.name}-pipeline"
        claims = {"pod-name": pod.name, "pod-uid": pod.uid}
        extra = (f"--as-user-extra=authentication.kubernetes.io/{name}={value}" for name, value in claims.items())
        return account, *extra, "--as-group=system:masters"

    def token(self, component: str) -> str:
        """A token of a component's service account, bound to no pod."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.name}-{component}/token"
        answer = self.admin.post(path, json={"spec": {"expirationSeconds": 3600}})
        assert answer.is_success, answer.text
        return str(answer.json()["status"]["token"])


def refused(answer: httpx.Response, message: str) -> None:
    """Assert that a policy refused a write with this message."""
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


@contextmanager
def secured(plane: ControlPlane, name: str) -> Iterator[Release]:
    """A release `name` in the namespace `name`."""
    plane.kubectl("create", "namespace", name)
    chart.secure(plane, name, name)
    with client(plane) as admin:
        yield Release(plane, name, name, admin, VideoJobs(plane, name))
    for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        plane.kubectl("delete", kind, f"-l=app.kubernetes.io/instance={name}", "--wait=false")
    plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def release(cluster: ControlPlane) -> Iterator[Release]:
    """One for all tests; each creates its own VideoJobs."""
    with secured(cluster, f"secured-{secrets.token_hex(3)}") as release:
        yield release
