"""The chart, installed on the cluster of this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ecg_dev.node.cluster import NodeCluster
from ecg_dev.node.network import NODE_ADDRESS
from ecg_dev.waiting import wait_until
from support.chart import CHART, VALUES
from support.cluster_jobs import VideoJobs

Values = dict[str, Any]
NODE_PORT = 30801
"""From values-kind.yaml."""
_WAIT = ("--wait", "--timeout=2m")
_VALUES = (VALUES["kind"], CHART / "values-demo.yaml")


class Installed:
    """A release in a namespace of the same name that enforces restricted Pod Security."""

    def __init__(self, node: NodeCluster, name: str, folder: Path) -> None:
        self.node, self.name = node, name
        self.videojobs = VideoJobs(node, name)
        self.api = httpx.Client(base_url=f"http://{NODE_ADDRESS}:{NODE_PORT}", timeout=30, trust_env=False)
        self._own_values = folder / "values.json"

    def install(self, values: Values) -> None:
        """Returns when the API and the operator are ready."""
        self.node.kubectl("create", "namespace", self.name)
        self.node.kubectl("label", "namespace", self.name, "pod-security.kubernetes.io/enforce=restricted")
        # Uninstalling a release keeps the definition; the next release takes it over.
        self._helm("install", values, "--take-ownership")

    def upgrade(self, values: Values) -> None:
        self._helm("upgrade", values)

    def test(self) -> str:
        return self.node.helm("test", self.name, f"--namespace={self.name}", "--timeout=3m")

    def uninstall(self) -> None:
        self.node.helm("uninstall", self.name, f"--namespace={self.name}", "--wait", "--timeout=2m")

    def remove(self) -> None:
        """Uninstall, and delete the namespace."""
        self.node.helm("uninstall", self.name, f"--namespace={self.name}", "--ignore-not-found", check=False)
        self.node.kubectl("delete", "namespace", self.name, "--timeout=100s")
        self.api.close()

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.node.kubectl(f"--namespace={self.name}", *arguments, check=check)

    def post(self, job_id: str, video_url: str, **fields: Any) -> httpx.Response:
        """Raises AssertionError unless the response is a 200."""
        body = {"job_id": job_id, "video_url": video_url, "language": "en", **fields}
        answer = self.api.post("/api/upload-video/process-video", json=body)
        assert answer.status_code == 200, answer.text
        return answer

    def answers(self) -> bool:
        """Whether the Service has a ready API pod."""
        try:
            return self.api.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def result(self, job_id: str) -> dict[str, Any]:
        answer = self.api.get(f"/jobs/{job_id}/result")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_for_attempt(self, name: str, number: int, timeout: float = 60.0) -> dict[str, Any]:
        """The VideoJob's `status.attempt` once that attempt has its pod."""

        def attempt() -> dict[str, Any]:
            return dict(self.videojobs.status(name).get("attempt") or {})

        wait_until(lambda: attempt().get("number") == number and attempt().get("podName"), timeout, attempt)
        return attempt()

    def wait_for_stage(self, name: str, stage: str, timeout: float = 60.0) -> None:
        """Until the pod has reported the start of the stage."""

        def stages() -> dict[str, Any]:
            return dict((self.videojobs.status(name).get("pipeline") or {}).get("stages") or {})

        wait_until(lambda: stage in stages(), timeout, lambda: self.videojobs.status(name))

    def pods(self, component: str, *options: str) -> list[str]:
        """The component's pods as `pod/NAME`."""
        selector = f"--selector=app.kubernetes.io/component={component}"
        return self.kubectl("get", "pods", selector, *options, "-o", "name").split()

    def run_to_end(self, name: str, image: str, *command: str, **environment: str) -> str:
        """Runs the image's command, or `command`, in a restricted pod and returns its output. Raises AssertionError if
        it fails."""
        security = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        container = {
            "name": name,
            "image": image,
            "imagePullPolicy": "Never",
            "securityContext": security,
            "env": [{"name": name, "value": value} for name, value in environment.items()],
            **({"command": list(command)} if command else {}),
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        }
        spec = {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": self.name}, "spec": spec}
        self.node.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        self.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=100s")
        return self.kubectl("logs", name)

    def _helm(self, verb: str, values: Values, *options: str) -> None:
        self._own_values.write_text(json.dumps(values))
        files = [argument for path in (*_VALUES, self._own_values) for argument in ("-f", str(path))]
        self.node.helm(verb, self.name, str(CHART), f"--namespace={self.name}", *files, *options, *_WAIT)


@contextmanager
def installed(node: NodeCluster, name: str, folder: Path, values: Values) -> Iterator[Installed]:
    release = Installed(node, name, folder)
    try:
        release.install(values)
        yield release
    finally:
        release.remove()
