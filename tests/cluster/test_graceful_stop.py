"""An API server in a cluster that is told to stop while ten clients wait for their transcriptions."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.server_process import ServerProcess, environment_in_cluster

WAITING = 10
BODY = {"video_url": "https://media.example/v.mp4"}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WAITING) as pool:
        yield pool


def _server(cluster: ControlPlane, namespace: str, folder: Path, **settings: str) -> ServerProcess:
    folder.mkdir(exist_ok=True)
    return ServerProcess(folder, environment_in_cluster(cluster, namespace, **settings))


def _wait_on(server: ServerProcess, threads: ThreadPoolExecutor) -> list[Future[httpx.Response]]:
    url = f"{server.client.base_url}/transcribe"

    def transcribe() -> httpx.Response:
        return httpx.post(url, json=BODY, timeout=120, trust_env=False)

    return [threads.submit(transcribe) for _ in range(WAITING)]


def test_who_still_waits_at_the_end_is_told_so_and_no_job_is_cancelled(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    with _server(cluster, namespace, tmp_path, SHUTDOWN_DELAY_S="2", SHUTDOWN_GRACE_S="2") as server:
        server.start()
        asked = _wait_on(server, threads)
        wait_until(lambda: len(videojobs.all()) == WAITING, 30)
        server.process.terminate()
        wait_until(lambda: server.client.get("/health/ready").status_code == 503, 10)
        assert server.client.get("/health/live").status_code == 200
        late = server.post("late", "https://media.example/late.mp4")
        assert late.status_code == 200, "it takes what still reaches it"
        answers = [future.result() for future in asked]
        assert server.process.wait(20) == 0
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    named = {answer.json()["detail"].rpartition("/jobs/")[2] for answer in answers}
    assert named == {v["spec"]["jobId"] for v in videojobs.all()} - {"late"}
    assert {v["spec"]["cancelledRun"] for v in videojobs.all()} == {0}, "the jobs go on"


def test_a_rolling_update_under_waiting_clients_fails_no_request_and_no_job(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    """The new server is ready before the old one is told to stop, and the pods' work takes until after that."""
    stopping = threading.Event()

    def works_on(pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        stopping.wait(60)
        pipeline.work()

    old = _server(cluster, namespace, tmp_path / "old", SHUTDOWN_DELAY_S="1", SHUTDOWN_GRACE_S="60")
    new = _server(cluster, namespace, tmp_path / "new")
    with (
        OperatorProcess(cluster, namespace, tmp_path) as operator,
        played_kubelet(cluster, namespace, works_on, threads=WAITING),
        old,
        new,
    ):
        operator.wait_for_log("in_sync")
        old.start()
        asked = _wait_on(old, threads)
        wait_until(lambda: len(videojobs.all()) == WAITING, 30)
        new.start()
        assert new.client.get("/health/ready").status_code == 200
        old.process.terminate()
        wait_until(lambda: old.client.get("/health/ready").status_code == 503, 10)
        stopping.set()
        answers = [future.result() for future in asked]
        assert old.process.wait(30) == 0
        jobs = [new.job(answer.headers["x-job-id"]) for answer in answers]
    assert {(answer.status_code, answer.json()["success"]) for answer in answers} == {(200, True)}
    assert {job["status"] for job in jobs} == {"completed"}
