"""A result that the API server refuses fails the job in words that say why."""

import json
from typing import Any, cast

import pytest

from ecg_cluster.pod_client import Answer, ApiServer
from ecg_contract.errors import TransientError
from ecg_contract.host_protocol import PipelineJob
from ecg_contract.videojob.pod_task import PodTask
from ecg_pipeline.hosts.pod.config_map_sink import ConfigMapSink
from ecg_pipeline.hosts.pod.settings import PodSettings

_REASON = "a result has at most 32 ConfigMaps: set s3.bucket, or raise policies.maxResultConfigMaps"
_POLICY = "ecg.videos.pipeline-results"


class Refusing:
    """An API server that refuses every ConfigMap, as a policy does."""

    def create_config_map(self, _manifest: dict[str, Any]) -> Answer:
        words = f"ValidatingAdmissionPolicy '{_POLICY}' with binding '{_POLICY}' denied request: {_REASON}"
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return Answer(422, json.dumps({**status, "message": f'configmaps "x" is forbidden: {words}'}))


def test_the_policys_reason_is_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"POD_NAME": "p", "POD_UID": "u", "POD_NAMESPACE": "n"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    job = PipelineJob.model_validate({"jobId": "j", "source": {"url": "https://a.example/v"}, "resultPath": "/r"})
    task = PodTask(videojob_name="v", videojob_uid="w", job=job)
    sink = ConfigMapSink(cast(ApiServer, Refusing()), PodSettings(), task, lambda: None)
    with pytest.raises(TransientError) as raised:
        sink.store(job, b"{}")
    assert _REASON in raised.value.message
