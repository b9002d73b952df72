"""The default models on a volume: one Job of the chart downloads them, and the pods of jobs ask nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_dev.node.cluster import NodeCluster
from ecg_dev.node.network import HOST_ADDRESS
from ecg_dev.waiting import wait_until
from support.installed import Installed, installed
from support.media_server import MediaServer
from support.model_hub import CONSENTING, ModelHub

PATIENCE_S = 180.0
NAME = "ecg-models"
_OF_THE_DEMO = ("ASR_MODEL", "ALIGN_MODELS", "DIARIZATION_MODEL", "EMOTION_MODELS", "TRANSFORMERS_OFFLINE")


@pytest.fixture(scope="module")
def hub(node: NodeCluster) -> Iterator[ModelHub]:
    with ModelHub(host=HOST_ADDRESS) as hub:
        yield hub


@pytest.fixture(scope="module")
def volume(node: NodeCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A volume that user 10001 may write; the first pod that asks for it gets it."""
    folder = tmp_path_factory.mktemp("volume") / "models"
    folder.mkdir()
    for place in (folder, *folder.parents[:3]):
        place.chmod(0o777)
    spec: dict[str, Any] = {"capacity": {"storage": "30Gi"}, "accessModes": ["ReadWriteMany"]}
    spec |= {"hostPath": {"path": str(folder)}, "persistentVolumeReclaimPolicy": "Retain"}
    manifest = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": NAME}, "spec": spec}
    node.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    yield
    node.kubectl("delete", "persistentvolume", NAME, "--wait=false")


@pytest.fixture(scope="module")
def release(node: NodeCluster, hub: ModelHub, volume: None, tmp_path_factory: Any) -> Iterator[Installed]:
    environment = dict.fromkeys(_OF_THE_DEMO, "") | {"HF_ENDPOINT": hub.url}
    models = {"source": "pvc", "pull": {"languages": ["en"]}}
    values = {"huggingface": {"token": {"value": CONSENTING}}, "pipeline": {"env": environment, "models": models}}
    folder: Path = tmp_path_factory.mktemp("chart")
    with installed(node, NAME, folder, values) as release:
        yield release


def completed(release: Installed, job_id: str, media: MediaServer) -> dict[str, Any]:
    release.post(job_id, f"{media.url}/meeting_en.mp4")

    def status() -> str:
        return str(release.api.get(f"/jobs/{job_id}").json()["status"])

    wait_until(lambda: status() != "processing", PATIENCE_S, lambda: release.api.get(f"/jobs/{job_id}").text)
    assert status() == "completed", release.api.get(f"/jobs/{job_id}").text
    return release.result(job_id)


@pytest.mark.timeout(500)
def test_a_job_waits_for_the_models_and_the_next_one_asks_nobody(
    release: Installed, hub: ModelHub, media: MediaServer
) -> None:
    first = completed(release, "first", media)
    assert first["metadata"]["model_version"] == "whisperx-base"
    assert "notes" not in first["metadata"], "no model was done without"
    assert {request.token for request in hub.requests if request.status == 200} == {CONSENTING}
    log = release.kubectl("logs", "--selector=app.kubernetes.io/component=models", "--tail=-1")
    assert "repositories" in log, log
    hub.requests.clear()
    assert completed(release, "second", media)["text"] == first["text"]
    assert hub.requests == []


def test_the_pod_of_a_job_can_neither_write_the_models_nor_read_the_token(release: Installed) -> None:
    pods = json.loads(release.kubectl("get", "pods", "-l", "app.kubernetes.io/component=pipeline", "-o", "json"))
    for pod in pods["items"]:
        (container,) = pod["spec"]["containers"]
        (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/models"]
        assert mount["readOnly"] is True
        assert "HF_TOKEN" not in {variable["name"] for variable in container["env"]}
    assert pods["items"]
