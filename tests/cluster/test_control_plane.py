"""The tests' control plane is a real one, and the played kubelet behaves like a real one."""

import threading
from typing import Any

from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.played_kubelet import PlayedPod, client, played_kubelet


def _job(name: str) -> dict[str, Any]:
    container = {"name": "pipeline", "image": "none", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    pod = {"restartPolicy": "Never", "serviceAccountName": "pipeline", "containers": [container]}
    metadata = {"name": name}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}}


def test_a_played_pod_takes_its_job_to_its_end(cluster: ControlPlane, namespace: str) -> None:
    def script(pod: PlayedPod) -> None:
        pod.run()
        pod.finish(0)

    with client(cluster) as admin, played_kubelet(cluster, namespace, script):
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        admin.post(path, json=_job("short")).raise_for_status()
        wait_until(lambda: admin.get(f"{path}/short").json()["status"].get("succeeded") == 1)


def test_a_deleted_pod_is_let_go_and_its_token_with_it(cluster: ControlPlane, namespace: str) -> None:
    tokens: list[str] = []
    running = threading.Event()

    def script(pod: PlayedPod) -> None:
        tokens.append(pod.token())
        pod.run()
        running.set()
        assert pod.deleted.wait(30)

    def who(token: str) -> int:
        with client(cluster, token) as pod:
            review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            return pod.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=review).status_code

    with client(cluster) as admin, played_kubelet(cluster, namespace, script):
        admin.post(f"/apis/batch/v1/namespaces/{namespace}/jobs", json=_job("gone")).raise_for_status()
        assert running.wait(30)
        assert who(tokens[0]) == 201
        admin.delete(f"/apis/batch/v1/namespaces/{namespace}/jobs/gone?propagationPolicy=Background")
        wait_until(lambda: who(tokens[0]) == 401, timeout=30)
