"""Results by a presigned PUT to moto's S3: from the pod's result sink through the bucket to the terminal callback."""

import base64
import hashlib
import json
import random
from pathlib import Path

from ecg_contract.host_protocol import PipelineJob
from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from ecg_pipeline.hosts.pod.presigned_sink import PresignedSink
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.receiver import ALL_SEVEN, Receiver
from support.s3 import BUCKET, environment, moto
from support.wire_results import result_json

__all__ = ["moto"]


def test_ten_megabytes_go_through_the_bucket(cluster: ControlPlane, namespace: str, moto: str, tmp_path: Path) -> None:
    videojobs = VideoJobs(cluster, namespace)
    text = "".join(random.Random(1).choices("가나다라마바사abcdefghij0123456789", k=7_000_000))
    data = result_json(text)
    signatures: list[str] = []

    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.wait_until_assigned()
        for stage in list(Stage)[:-1]:
            pipeline.reach(stage)
        url_file = tmp_path / "url"
        url_file.write_text(_mounted_url(pod))
        signatures.append(url_file.read_text().partition("X-Amz-Signature=")[2])
        sink = PresignedSink(pipeline.task["resultLocation"], url_file, 30)
        job = PipelineJob.model_validate({**pipeline.job, "resultPath": "/none"})
        reference = {"location": sink.store(job, data), "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        reference |= {"segments": 0, "words": 0, "speakers": 0, "language": "ko", "duration": 1, "processingTime": 1}
        pipeline.reach(Stage.COMPLETED, result=reference)
        pod.finish(0)

    bucket = {"RESULTS_BUCKET": BUCKET, "RESULTS_PREFIX": "ecg/", "LOG_LEVEL": "DEBUG", **environment(moto)}
    with (
        Receiver() as backend,
        OperatorProcess(cluster, namespace, tmp_path, **bucket) as operator,
        played_kubelet(cluster, namespace, script),
    ):
        videojobs.create("big", backend.url)
        videojobs.wait_for_condition("big", "CallbackDelivered", "True", "Delivered", 60)
        wait_until(lambda: not [s for s in videojobs.objects("secrets") if s["metadata"]["name"].endswith("-result")])
        log = operator.log.read_text()
    assert [r.mark for r in backend.requests] == ALL_SEVEN
    assert backend.requests[-1].json["result"]["text"] == text
    location = videojobs.status("big")["pipeline"]["result"]["location"]
    assert location == f"s3://{BUCKET}/ecg/results/{namespace}/{videojobs.get('big')['metadata']['uid']}/a1.json"
    everything = json.dumps([videojobs.all(), videojobs.jobs(), videojobs.objects("pods"), videojobs.objects("events")])
    for secret in (signatures[0], "canary-key"):
        assert secret
        assert secret not in everything
        assert secret not in log


def _mounted_url(pod: PlayedPod) -> str:
    """The files that the kubelet would mount."""
    volumes = pod.manifest["spec"]["volumes"]
    name = next(v["secret"]["secretName"] for v in volumes if v["name"] == "result")
    secret = pod.admin.get(f"/api/v1/namespaces/{pod.namespace}/secrets/{name}").json()
    return base64.b64decode(secret["data"]["url"]).decode()
