"""A fake kubelet: the real scheduler schedules pods to a fake node, and a test's script plays what happens to them.

The script's steps are written to the pod's status as a kubelet would; reports are sent to the API server with a token
that is bound to the pod. No container runs.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from ecg_dev.control_plane.api_access import ADMIN_TOKEN, ApiAccess
from ecg_dev.control_plane.server import ControlPlane

Manifest = dict[str, Any]
CONTAINER = "pipeline"
_NODE_RESOURCES = {"cpu": "10000", "memory": "10000Gi", "pods": "10000", "nvidia.com/gpu": "10000"}
_NODE_RESOURCES["ephemeral-storage"] = "1000000Gi"
_SILENCE_S = 1.0
"""Read timeout of a watch; it is then restarted, unless the kubelet was stopped."""
_PATCH = {"content-type": "application/merge-patch+json"}
_JSON_PATCH = {"content-type": "application/json-patch+json"}


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def client(plane: ApiAccess, token: str = ADMIN_TOKEN) -> httpx.Client:
    """A client of the API server that authenticates with `token`."""
    headers = {"authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=None)
    return httpx.Client(
        base_url=plane.url, verify=plane.tls, headers=headers, timeout=30, trust_env=False, limits=limits
    )


def add_node(plane: ControlPlane, name: str = "played-node", resources: dict[str, str] | None = None) -> None:
    """Create a node that is Ready and has no taints."""
    with client(plane) as admin:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"played": "yes"}}}
        admin.post("/api/v1/nodes", json=node)
        capacity = resources or _NODE_RESOURCES
        ready = {"type": "Ready", "status": "True", "reason": "Played", "message": "", "lastTransitionTime": now()}
        status = {"capacity": capacity, "allocatable": capacity, "conditions": [ready]}
        admin.patch(f"/api/v1/nodes/{name}/status", json={"status": status}, headers=_PATCH).raise_for_status()
        untainted = {"spec": {"taints": None}}  # every new node gets the taint not-ready
        admin.patch(f"/api/v1/nodes/{name}", json=untainted, headers=_PATCH).raise_for_status()


@dataclass
class PlayedPod:
    """A scheduled pod, with the actions of its kubelet and its container."""

    plane: ControlPlane
    admin: httpx.Client
    manifest: Manifest
    deleted: threading.Event = field(default_factory=threading.Event)
    """Set when the pod is being deleted."""

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.manifest["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        return str(self.manifest["metadata"]["uid"])

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.manifest["metadata"].get("annotations", {}))

    @property
    def environment(self) -> dict[str, str]:
        """The container's plain variables."""
        variables = self.manifest["spec"]["containers"][0].get("env", [])
        return {v["name"]: v["value"] for v in variables if "value" in v}

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def token(self) -> str:
        """A service account token bound to this pod."""
        account = self.manifest["spec"]["serviceAccountName"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid}
        body = {"spec": {"audiences": [], "expirationSeconds": 3600, "boundObjectRef": bound}}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        answer = self.admin.post(path, json=body)
        answer.raise_for_status()
        return str(answer.json()["status"]["token"])

    def run(self) -> None:
        """The container starts."""
        running = {"running": {"startedAt": now()}}
        self._set("Running", running, ready=True)

    def wait_in(self, reason: str, message: str = "") -> None:
        """The container cannot start, for example with ImagePullBackOff."""
        self._set("Pending", {"waiting": {"reason": reason, "message": message}}, ready=False)

    def finish(self, exit_code: int = 0, reason: str | None = None, message: str = "") -> None:
        """The container ends."""
        usual = "Completed" if exit_code == 0 else "Error"
        ended = {"exitCode": exit_code, "reason": reason or usual, "startedAt": now(), "finishedAt": now()}
        state = {"terminated": ended | ({"message": message} if message else {})}
        self._set("Succeeded" if exit_code == 0 else "Failed", state, ready=False)

    def report(self, videojob: str, pipeline: Manifest, token: str | None = None) -> httpx.Response:
        """Replace `status.pipeline` with one JSON Patch, authenticated by the pod's token."""
        patch = [{"op": "add", "path": "/status/pipeline", "value": {"podUID": self.uid, **pipeline}}]
        path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{self.namespace}/videojobs/{videojob}/status"
        headers = {"authorization": f"Bearer {token or self.token()}", **_JSON_PATCH}
        return self.admin.patch(path, content=json.dumps(patch), headers=headers)

    def _set(self, phase: str, state: Manifest, *, ready: bool) -> None:
        condition = {"status": str(ready), "lastTransitionTime": now()}
        container = {
            "name": CONTAINER,
            "ready": ready,
            "restartCount": 0,
            "image": "played",
            "imageID": "played",
            "state": state,
        }
        status = {
            "phase": phase,
            "startTime": now(),
            "containerStatuses": [container],
            "conditions": [{"type": "Ready", **condition}, {"type": "ContainersReady", **condition}],
        }
        strategic = {"content-type": "application/strategic-merge-patch+json"}
        self.admin.patch(f"{self.path}/status", json={"status": status}, headers=strategic).raise_for_status()


Script = Callable[[PlayedPod], None]


class PlayedKubelet:
    """Runs `script` for every scheduled pod of a namespace, and completes the deletion of deleted pods."""

    def __init__(
        self, plane: ControlPlane, namespace: str, script: Script, *, threads: int = 16, only: str = ""
    ) -> None:
        self._only = only
        self._plane, self._namespace, self.script = plane, namespace, script
        self._admin = client(plane)
        self.pods: dict[str, PlayedPod] = {}
        """By uid, in the order in which they were scheduled."""
        self.errors: list[BaseException] = []
        self.keeps_deleted_pods = False
        """Play a node that does not respond: deleted pods stay."""
        self._stopping = threading.Event()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="played-pod")
        self._thread = threading.Thread(target=self._watch, name="played-kubelet", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Raises the first error that a script raised."""
        self._stopping.set()
        for pod in self.pods.values():
            pod.deleted.set()
        self._thread.join()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._admin.close()
        if self.errors:
            raise self.errors[0]

    def _watch(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(httpx.HTTPError, RuntimeError, json.JSONDecodeError):
                for pod in self._events():
                    self._handle(pod)

    def _events(self) -> Iterator[Manifest]:
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        listed = self._admin.get(path).json()
        yield from listed["items"]
        version = listed["metadata"]["resourceVersion"]
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "300"}
        with self._admin.stream("GET", path, params=query, timeout=httpx.Timeout(30, read=_SILENCE_S)) as answer:
            for line in answer.iter_lines():
                if self._stopping.is_set():
                    return
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]

    def _handle(self, manifest: Manifest) -> None:
        metadata, uid = manifest["metadata"], manifest["metadata"]["uid"]
        is_over = manifest.get("status", {}).get("phase") in ("Succeeded", "Failed")
        is_new = uid not in self.pods and "deletionTimestamp" not in metadata
        is_new = is_new and metadata["name"].startswith(self._only)
        if manifest["spec"].get("nodeName") and is_new and not is_over:
            self.pods[uid] = PlayedPod(self._plane, self._admin, manifest)
            self._executor.submit(self._run, self.pods[uid])
        if "deletionTimestamp" in metadata:
            if self.keeps_deleted_pods:
                return
            if uid in self.pods:
                self.pods[uid].deleted.set()
            path = f"/api/v1/namespaces/{self._namespace}/pods/{metadata['name']}"
            self._admin.request("DELETE", path, json={"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def _run(self, pod: PlayedPod) -> None:
        try:
            self.script(pod)
        except Exception as error:
            if not self._stopping.is_set() and not pod.deleted.is_set():
                self.errors.append(error)


@contextmanager
def played_kubelet(
    plane: ControlPlane, namespace: str, script: Script, *, threads: int = 16, only: str = ""
) -> Iterator[PlayedKubelet]:
    """`only`: prefix of the names of the pods to play."""
    kubelet = PlayedKubelet(plane, namespace, script, threads=threads, only=only)
    kubelet.start()
    try:
        yield kubelet
    finally:
        kubelet.stop()
