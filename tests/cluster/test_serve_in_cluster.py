"""`ecg serve` with STORE=kubernetes, with a real Kubernetes API server and without one."""

import base64
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ecg_dev.control_plane.server import ControlPlane
from support.cluster_jobs import VideoJobs
from support.program import environment_without
from support.s3 import environment as s3_environment
from support.server_process import ServerProcess, environment_in_cluster

SERVE = (sys.executable, "-m", "ecg_api.cli", "serve", "--port", "0")
LOADED = """
import sys, ecg_api.cli.serve, ecg_api.kubernetes.host
print(*sorted(sys.modules))
"""


def test_it_stores_videojobs_writes_no_file_and_stops_on_sigterm(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    environment = environment_in_cluster(cluster, namespace, TMPDIR=str(tmp_path))
    with ServerProcess(tmp_path, environment) as server:
        server.start()
        assert server.client.get("/health/ready").json() == {"ready": True, "missing": []}
        assert server.post("j", "https://media.example/v.mp4").status_code == 200
        assert VideoJobs(cluster, namespace).exists("j")
        assert server.stop() == 0
    assert not server.data_dir.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["server.log"]


def test_it_is_ready_and_takes_videos_while_the_bucket_is_away(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
    environment = environment_in_cluster(cluster, namespace, RESULTS_BUCKET="results", **s3_environment(away))
    with ServerProcess(tmp_path, environment) as server:
        server.start()
        assert server.client.get("/health/ready").json() == {"ready": True, "missing": []}
        assert server.post("j", "https://media.example/v.mp4").status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example/v.mp4?X-Amz-Signature=canary0123",
        "https://user:canary0123@media.example/v.mp4",
        "https://canary0123@media.example/v.mp4",
    ],
)
def test_a_credential_stands_in_its_secret_alone(
    cluster: ControlPlane, namespace: str, tmp_path: Path, url: str
) -> None:
    environment = environment_in_cluster(cluster, namespace, LOG_LEVEL="DEBUG")
    with ServerProcess(tmp_path, environment) as server:
        server.start()
        for _ in range(2):
            assert server.post("j", url).status_code == 200
        assert server.post("j", url, language="ja").status_code == 409
        shown = json.dumps(server.job("j"))
        assert server.client.get("/jobs/j/result").status_code == 409
    kinds = "videojobs,jobs,pods,configmaps,events,secrets,leases"
    objects = json.loads(cluster.kubectl("get", kinds, "-n", namespace, "-o", "json", "--show-managed-fields"))["items"]
    secrets = [thing for thing in objects if thing["kind"] == "Secret"]
    assert [base64.b64decode(secret["data"]["url"]).decode() for secret in secrets] == [url]
    others = json.dumps([thing for thing in objects if thing["kind"] != "Secret"] + [secrets[0]["metadata"]])
    assert '"j"' in others
    for text in (others, shown, server.log.read_text()):
        assert "canary0123" not in text


def test_it_needs_neither_the_runner_nor_sqlite() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout.split()
    assert "ecg_api.kubernetes.store" in loaded
    assert not {
        "ecg_api.standalone.runner",
        "ecg_api.standalone.host",
        "ecg_api.standalone.storage.store",
        "sqlite3",
    } & set(loaded)


@pytest.mark.parametrize(
    ("environment", "status", "words"),
    [
        ({"NAMESPACE": "n"}, 1, "ecg serve: STORE=kubernetes needs a cluster"),
        ({"NAMESPACE": "n", "KUBECONFIG": "/nowhere"}, 1, "ecg serve: STORE=kubernetes needs a cluster"),
        ({}, 2, "\n  NAMESPACE: "),
    ],
)
def test_it_says_what_it_cannot_do_without(environment: dict[str, str], status: int, words: str) -> None:
    without_cluster = {**environment_without("AWS_", "KUBE"), "STORE": "kubernetes", **environment}
    ended = subprocess.run(SERVE, env=without_cluster, capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
