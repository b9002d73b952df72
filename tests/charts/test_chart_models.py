"""Where the models come from: who may download them, who may write them, who has the hub's token."""

import json
from typing import Any

import pytest

from ecg_pipeline.settings import PipelineSettings
from support import chart

TOKEN = ("--set", "huggingface.token.existingSecret=hf")
PVC = ("--set", "pipeline.models.source=pvc", *TOKEN)


def rendered(*values: str) -> list[Any]:
    return chart.render(*values)


def jobs(manifests: list[Any]) -> list[Any]:
    return [manifest for manifest in manifests if manifest["kind"] == "Job" and "helm.sh/hook" not in str(manifest)]


def pod_environment(manifests: list[Any]) -> dict[str, Any]:
    """Of the pipeline's pods: values, and True for what comes from a Secret."""
    pods = json.loads(chart.pod_config(manifests))
    return {variable["name"]: variable.get("value", True) for variable in pods["env"]}


@pytest.mark.parametrize(("source", "has_token"), [("download", True), ("pvc", False), ("image", False)])
def test_only_a_pod_that_downloads_has_the_token_and_the_network(source: str, has_token: bool) -> None:
    environment = pod_environment(rendered("--set", f"pipeline.models.source={source}", *TOKEN))
    assert ("HF_TOKEN" in environment, environment.get("HF_HUB_OFFLINE")) == (has_token, None if has_token else "1")


def test_a_volume_is_read_only_for_the_pods_and_written_by_one_job() -> None:
    manifests = rendered(*PVC)
    pods = json.loads(chart.pod_config(manifests))
    (mount,) = [mount for mount in pods["volumeMounts"] if mount["name"] == "models"]
    assert mount["readOnly"] is True
    assert pod_environment(manifests)["TORCH_HOME"].startswith("/tmp/"), "libraries make this folder"
    (job,) = jobs(manifests)
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["command"][-1] == "--pull-models"
    (own,) = [mount for mount in container["volumeMounts"] if mount["name"] == "models"]
    assert "readOnly" not in own
    assert pod["automountServiceAccountToken"] is False
    names = {variable["name"] for variable in container["env"]}
    assert {"HF_TOKEN", "HF_HOME"} <= names
    assert not {"HF_HUB_OFFLINE", "MODELS_WAIT_S"} & names


def test_jobs_wait_for_models_that_this_job_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS_WAIT_S", str(pod_environment(rendered(*PVC))["MODELS_WAIT_S"]))
    assert PipelineSettings().models_wait_s == 3600
    without = rendered(*PVC, "--set", "pipeline.models.pull.enabled=false")
    assert "MODELS_WAIT_S" not in pod_environment(without)
    assert jobs(without) == []


@pytest.mark.parametrize(
    "change",
    ["pipeline.env.ASR_MODEL=large-v3", "images.pipeline.tag=v2", "pipeline.models.pull.languages={ko}"],
)
def test_other_models_make_another_job(change: str) -> None:
    (before,), (after,) = jobs(rendered(*PVC)), jobs(rendered(*PVC, "--set", change))
    assert before["metadata"]["name"] != after["metadata"]["name"]
    (same,) = jobs(rendered(*PVC, "--set", "jobs.ttlSeconds=5"))
    assert same["metadata"]["name"] == before["metadata"]["name"]


def test_languages_are_passed_on() -> None:
    (job,) = jobs(rendered(*PVC, "--set", "pipeline.models.pull.languages={ko,en}"))
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["--languages", "ko,en"]
