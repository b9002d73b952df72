"""A job is completed from the moment when its pod has reported the result; the operator's own write comes later."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.disturbing_proxy import DisturbingProxy
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import RESULT, PlayedPipeline
from support.receiver import ALL_SEVEN, Receiver
from support.server_process import ServerProcess, environment_in_cluster

VIDEO = "https://media.example/v.mp4"


@pytest.fixture
def proxy(cluster: ControlPlane) -> Iterator[DisturbingProxy]:
    """Holds the operator's write of the end up."""
    with DisturbingProxy(cluster, holds=lambda body: b'"phase":"Succeeded"' in body.replace(b" ", b"")) as proxy:
        yield proxy


@pytest.fixture
def operator(
    cluster: ControlPlane, namespace: str, proxy: DisturbingProxy, tmp_path: Path
) -> Iterator[OperatorProcess]:
    given = {"KUBECONFIG": str(proxy.kubeconfig(tmp_path)), "LEASE_DURATION_S": "60"}
    with OperatorProcess(cluster, namespace, tmp_path, **given) as process:
        process.wait_for_log("in_sync")
        yield process


@pytest.fixture
def api(cluster: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, environment_in_cluster(cluster, namespace)) as server:
        server.start()
        yield server


@pytest.mark.usefixtures("operator")
def test_the_last_callback_waits_for_no_write_and_who_asks_then_finds_the_job_completed(
    cluster: ControlPlane,
    namespace: str,
    proxy: DisturbingProxy,
    api: ServerProcess,
    videojobs: VideoJobs,
    backend: Receiver,
) -> None:
    may_complete = threading.Event()

    def script(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        for stage in tuple(Stage)[:-1]:
            pipeline.reach(stage)
        may_complete.wait(60)
        pipeline.complete()

    with played_kubelet(cluster, namespace, script):
        assert api.post("j", VIDEO, fastapi_base_url=backend.url).status_code == 200
        wait_until(lambda: _acknowledged(videojobs) == 90, 30)
        may_complete.set()
        wait_until(lambda: [r.mark for r in backend.of("j")] == ALL_SEVEN, 30)
        assert "completionTime" not in videojobs.status("j"), "the operator has not written it"

        shown = api.client.get("/jobs/j").json()
        assert (shown["status"], shown["progress"], shown["callback"]["state"]) == ("completed", 100, "pending")
        assert shown["completed_at"] is not None
        (attempt,) = api.client.get("/jobs/j/attempts").json()["attempts"]
        assert (attempt["outcome"], attempt["ended_at"] is not None) == ("completed", True)
        assert api.client.get("/jobs/j/result").json() == RESULT
        listed = api.client.get("/jobs", params={"status": "completed"}).json()
        assert [job["job_id"] for job in listed["jobs"]] == ["j"]
        api.client.post("/jobs/j/cancel")
        assert videojobs.get("j")["spec"].get("cancelledRun", 0) == 0, "it comes too late"
        videojobs.patch("j", cancelledRun=1, suspend=True)  # past the API

        proxy.answer.set()
        videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
        assert videojobs.condition("j", "Succeeded") == ("True", "Succeeded"), "written before the delivery is"
    assert [r.mark for r in backend.of("j")] == ALL_SEVEN


@pytest.mark.usefixtures("operator")
def test_a_waiting_transcription_is_answered_before_the_end_is_written(
    cluster: ControlPlane, namespace: str, api: ServerProcess, videojobs: VideoJobs
) -> None:
    with played_kubelet(cluster, namespace, lambda pod: PlayedPipeline(pod).work()):
        answer = api.client.post("/transcribe", json={"video_url": VIDEO}, timeout=30)
        assert answer.status_code == 200, answer.text
        (job,) = videojobs.all()
        assert "completionTime" not in job["status"]


def _acknowledged(videojobs: VideoJobs) -> int:
    return int(videojobs.status("j").get("callbacks", {}).get("acknowledged", 0))
