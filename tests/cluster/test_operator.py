"""The operator on a real control plane, from VideoJob to callbacks; pods are played."""

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import RESULT, PlayedPipeline, work
from support.receiver import ALL_SEVEN, DROP, HANG, Answer, Receiver, marks
from support.wire_results import result_json


@pytest.fixture
def operator(cluster: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    with OperatorProcess(cluster, namespace, tmp_path) as process:
        process.wait_for_log("in_sync")
        yield process


def _terminal(requests: object) -> bool:
    return any(r.json["status"] != "processing" for r in requests)  # type: ignore[attr-defined]


def test_a_burst_of_stages_becomes_seven_callbacks_in_order(
    cluster: ControlPlane,
    namespace: str,
    videojobs: VideoJobs,
    backend: Receiver,
    operator: OperatorProcess,
    figure: Callable[[str], None],
) -> None:
    """The operator is stopped while the stages are reported: it sees all of them at once, however slow the machine."""
    took: list[float] = []

    def burst(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.wait_until_assigned()
        result = pipeline.store(result_json("whole"))
        began = time.monotonic()
        operator.process.send_signal(signal.SIGSTOP)
        for stage in Stage:
            pipeline.reach(stage, **({"result": result} if stage is Stage.COMPLETED else {}))
        assert not backend.requests
        operator.process.send_signal(signal.SIGCONT)
        took.append(time.monotonic() - began)
        pod.finish(0)

    with played_kubelet(cluster, namespace, burst):
        videojobs.create("burst", backend.url, enableGpu=True)
        videojobs.wait_for_condition("burst", "CallbackDelivered", "True", "Delivered")
    assert marks(backend.requests) == ALL_SEVEN
    assert len({r.headers["webhook-id"] for r in backend.requests}) == 7
    assert backend.requests[-1].json["result"] == json.loads(result_json("whole"))
    assert took, "the burst was reported whole"
    figure(f"seven reports in a burst of {took[0] * 1000:.0f} ms, seven callbacks in order")

    job = videojobs.jobs()[0]
    assert job["metadata"]["ownerReferences"][0]["uid"] == videojobs.get("burst")["metadata"]["uid"]
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert videojobs.events("burst") == [], "what is ordinary, the conditions tell"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([Answer(500)] * 2, id="500"),
        pytest.param([Answer(429, {"Retry-After": "1"})], id="429"),
        pytest.param([Answer(302, {"Location": "http://127.0.0.1:1/"})] * 2, id="redirect"),
        pytest.param([DROP], id="dropped"),
        pytest.param([HANG], id="hanging"),
    ],
)
def test_a_backend_in_trouble_gets_what_it_missed_in_order(
    cluster: ControlPlane,
    namespace: str,
    videojobs: VideoJobs,
    backend: Receiver,
    operator: OperatorProcess,
    answers: list[Answer],
) -> None:
    backend.script(*answers)
    with played_kubelet(cluster, namespace, work):
        videojobs.create("j", backend.url)
        backend.wait_for(_terminal, 60)
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
    progress = [r.json.get("progress", 0) for r in backend.requests]
    assert progress == sorted(progress)
    assert backend.requests[-1].mark == ("completed", 100)
    assert backend.requests[-1].json["result"] == RESULT


def test_a_hanging_backend_of_one_job_delays_no_other(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, operator: OperatorProcess
) -> None:
    with Receiver(HANG) as hanging, Receiver() as good, played_kubelet(cluster, namespace, work):
        videojobs.create("hangs", hanging.url)
        hanging.wait_for(len, 20)
        videojobs.create("good", good.url)
        good.wait_for(_terminal, 20)
        assert marks(good.requests) == ALL_SEVEN
        assert len(hanging.requests) == 1, "the try has not timed out yet"


def test_a_failed_job_says_why_and_runs_again(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, operator: OperatorProcess
) -> None:
    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        if pipeline.job["attempt"] > 1:
            return pipeline.work()
        pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        pipeline.fail()

    with played_kubelet(cluster, namespace, script):
        videojobs.create("j", backend.url)
        status = videojobs.wait_for_phase("j", "Failed")
        assert status["error"] == {"code": "AUDIO_EXTRACTION_ERROR", "message": "오디오 추출 실패: x"}
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
        assert backend.requests[-1].json["error_code"] == "AUDIO_EXTRACTION_ERROR"
        videojobs.patch("j", run=2)
        videojobs.wait_for_phase("j", "Succeeded")
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
    assert marks(backend.requests[2:]) == ALL_SEVEN
    assert len({r.headers["webhook-id"] for r in backend.requests}) == len(backend.requests)


def test_a_result_of_ten_megabytes_arrives_whole(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, operator: OperatorProcess
) -> None:
    text = "".join(random.Random(1).choices("가나다라마바사abcdefghij0123456789", k=7_000_000))
    data = result_json(text)
    assert len(data) > 10_000_000

    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.wait_until_assigned()
        pipeline.complete(data)

    with played_kubelet(cluster, namespace, script):
        videojobs.create("big", backend.url)
        backend.wait_for(_terminal, 60)
        videojobs.wait_for_condition("big", "CallbackDelivered", "True", "Delivered")
    assert backend.requests[-1].json["result"]["text"] == text
    assert len([c for c in videojobs.objects("configmaps") if "-result-" in c["metadata"]["name"]]) > 3


def test_a_videojob_that_was_worked_on_can_be_deleted_while_no_operator_runs(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, operator: OperatorProcess
) -> None:
    def hold(pod: PlayedPod) -> None:
        pod.run()
        PlayedPipeline(pod).reach(Stage.DOWNLOAD)
        pod.deleted.wait(60)

    with played_kubelet(cluster, namespace, hold):
        videojobs.create("left", backend.url)
        backend.wait_for(lambda got: len(got) == 1)
        operator.kill()
        assert "finalizers" not in videojobs.get("left")["metadata"]
        videojobs.delete("left")
        wait_until(lambda: not videojobs.exists("left"), 30)
