"""The pipeline pod that the operator creates with the chart's POD_CONFIG_FILE."""

from pathlib import Path

from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.manifests import job_manifest
from ecg_operator.act.pod_config import load_pod_config
from ecg_operator.settings import OperatorSettings
from support import chart
from support.played_kubelet import now

Manifest = chart.Manifest


def pipeline_pod(manifests: list[Manifest], profile: str, folder: Path) -> Manifest:
    """A pod with every option of a job: a source in a Secret, a result in S3. Writes to `folder`."""
    release = _release(manifests)
    account = chart.container_environment(manifests, "operator", release)["PIPELINE_SERVICE_ACCOUNT"]
    settings = OperatorSettings(namespace="n", pipeline_image="x:1", pipeline_service_account=account)
    file = folder / "pods.json"
    file.write_text(chart.pod_config(manifests, release))
    pod = job_manifest(_videojob(profile), settings, load_pod_config(file), "s3://bucket/key")["spec"]["template"]
    return chart.pod_of({"kind": "Pod", "metadata": {"name": profile}, "spec": pod["spec"]})


def _release(manifests: list[Manifest]) -> str:
    names = (m["metadata"]["name"] for m in manifests if m["kind"] == "Deployment")
    return str(next(name.removesuffix("-operator") for name in names if name.endswith("-operator")))


def _videojob(profile: str) -> VideoJob:
    attempt = {"number": 1, "run": 1, "profile": profile, "jobName": "a-b-a1", "pendingSince": now()}
    spec = {"jobId": "a", "source": {"fromSecret": True}}
    return VideoJob.from_manifest({"metadata": {"name": "a", "uid": "u"}, "spec": spec, "status": {"attempt": attempt}})
