"""VideoJobs beyond MAX_ACTIVE_JOBS wait in a queue, on a real control plane with played pods."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.receiver import Receiver


class Pods:
    """Pods that run until they are released, one by one or all."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.most = 0
        self._at_work = 0
        self._released: dict[str, threading.Event] = {}
        self._all = threading.Event()
        self._lock = threading.Lock()
        self.ended: dict[str, float] = {}
        """When the end of its container was written."""

    def play(self, pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        with self._lock:
            self.order.append(pipeline.videojob)
            self._at_work += 1
            self.most = max(self.most, self._at_work)
            released = self._released.setdefault(pipeline.videojob, threading.Event())
        pod.run()
        pipeline.wait_until_assigned()
        while not (released.wait(0.05) or self._all.is_set()):
            pass
        with self._lock:
            self._at_work -= 1
        pipeline.work()
        self.ended[pipeline.videojob] = time.time()

    def release(self, name: str) -> None:
        self._released[name].set()

    def release_all(self) -> None:
        self._all.set()


@pytest.fixture
def pods(cluster: ControlPlane, namespace: str) -> Iterator[Pods]:
    pods = Pods()
    with played_kubelet(cluster, namespace, pods.play):
        try:
            yield pods
        finally:
            pods.release_all()


def _queued(videojobs: VideoJobs, name: str) -> int | None:
    return (videojobs.status(name).get("queue") or {}).get("position")


def _shown(videojobs: VideoJobs) -> list[tuple[str, int | None, object]]:
    all_of_them = [videojob["metadata"]["name"] for videojob in videojobs.all()]
    return [(name, _queued(videojobs, name), videojobs.status(name).get("phase")) for name in all_of_them]


def test_what_exceeds_the_slots_waits_without_a_job_and_is_worked_on_in_its_order(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, pods: Pods, tmp_path: Path
) -> None:
    with OperatorProcess(cluster, namespace, tmp_path, MAX_ACTIVE_JOBS="2") as operator:
        operator.wait_for_log("in_sync")
        for number, name in enumerate(("z-first", "y-second"), 1):  # free slots go to whoever is seen first
            videojobs.create(name, backend.url)
            wait_until(lambda number=number: len(pods.order) == number, 30)  # type: ignore[misc]
        for name in ("x-third", "w-fourth"):
            videojobs.create(name, backend.url)
        videojobs.create("urgent", backend.url, priority=5)
        videojobs.create("asked", interactive=True)
        waiting = ("asked", "urgent", "x-third", "w-fourth")
        wait_until(
            lambda: [_queued(videojobs, name) for name in waiting] == [1, 2, 3, 4], 30, lambda: _shown(videojobs)
        )
        assert set(pods.order) == {"z-first", "y-second"}
        assert {job["metadata"]["labels"]["ecg-analyzer.io/videojob"] for job in videojobs.jobs()} == set(pods.order)
        assert videojobs.condition("urgent", "Scheduled") == ("False", "Queued")
        assert videojobs.status("urgent")["message"] == "waits for a slot, place 2 in the queue"

        videojobs.patch("w-fourth", priority=9)
        wait_until(lambda: _queued(videojobs, "w-fourth") == 2, 30)
        operator.kill()

    with OperatorProcess(cluster, namespace, tmp_path, MAX_ACTIVE_JOBS="1") as operator:
        operator.wait_for_log("in_sync")
        for done, follower in (("z-first", None), ("y-second", "asked"), ("asked", "w-fourth"), ("w-fourth", "urgent")):
            pods.release(done)
            wait_until(lambda done=done: done in pods.ended, 30)  # type: ignore[misc]
            wait_until(lambda follower=follower: follower is None or follower in pods.order, 30)  # type: ignore[misc]
        pods.release_all()
        videojobs.wait_for_phase("x-third", "Succeeded")
    assert pods.order[2:] == ["asked", "w-fourth", "urgent", "x-third"]
    assert pods.most == 2


def test_a_slot_that_falls_free_starts_the_next_job_at_once(
    cluster: ControlPlane,
    namespace: str,
    videojobs: VideoJobs,
    pods: Pods,
    tmp_path: Path,
    figure: Callable[[str], None],
) -> None:
    """Jobs' times have whole seconds, so the operator's log tells when it created one."""
    names = [f"j{number}" for number in range(6)]
    with OperatorProcess(cluster, namespace, tmp_path, MAX_ACTIVE_JOBS="1") as operator:
        operator.wait_for_log("in_sync")
        for name in names:
            videojobs.create(name)
        wait_until(lambda: _queued(videojobs, names[-1]) == len(names) - 1, 30)
        for name, following in pairwise(names):
            wait_until(lambda name=name: name in pods.order, 30)  # type: ignore[misc]
            pods.release(name)
            wait_until(lambda following=following: following in pods.order, 30)  # type: ignore[misc]
        created = {line["job_id"]: line["time"] for line in operator.log_lines() if line["event"] == "job_created"}
        pods.release_all()
        videojobs.wait_for_phase(names[-1], "Succeeded")
    delays = [
        datetime.fromisoformat(created[following]).timestamp() - pods.ended[name] for name, following in pairwise(names)
    ]
    figure(f"a freed slot started the next job after {min(delays) * 1000:.0f} to {max(delays) * 1000:.0f} ms")
    assert max(delays) < 5, "no job waited for a check of the watches, which is made every 30 s"


def test_a_job_that_a_queue_suspends_waits_as_long_as_it_takes(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, pods: Pods, tmp_path: Path
) -> None:
    with OperatorProcess(cluster, namespace, tmp_path, STUCK_LIMIT_S="1", MAX_ACTIVE_JOBS="1") as operator:
        operator.wait_for_log("in_sync")
        videojobs.create("j")
        wait_until(lambda: "j" in pods.order, 30)
        job = videojobs.jobs()[0]["metadata"]["name"]
        videojobs.suspend_job(job, suspend=True)
        videojobs.wait_for_condition("j", "Scheduled", "False", "JobSuspended")
        videojobs.create("next")
        wait_until(lambda: _queued(videojobs, "next") == 1, 30)
        videojobs.suspend_job(job, suspend=False)
        pods.release_all()
        videojobs.wait_for_phase("j", "Succeeded")
        videojobs.wait_for_phase("next", "Succeeded")


def test_a_job_that_the_api_server_refuses_fails_after_the_stuck_limit_and_says_why(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path
) -> None:
    config = tmp_path / "pods.json"
    config.write_text('{"cpu": {"resources": {"limits": {"gpu": "1"}}}}')
    limits = {"STUCK_LIMIT_S": "2", "POD_CONFIG_FILE": str(config)}
    with OperatorProcess(cluster, namespace, tmp_path, **limits) as operator:
        operator.wait_for_log("in_sync")
        videojobs.create("j", enableGpu=False)
        status = videojobs.wait_for_phase("j", "Failed")
    assert status["error"]["code"] == "PROCESSING_ERROR"
    assert "JobRefused" in status["error"]["message"]
    assert "must be a standard resource" in status["error"]["message"]


def test_a_quota_on_jobs_is_waited_for(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, pods: Pods, tmp_path: Path
) -> None:
    videojobs.set_quota("count/jobs.batch", "0")
    with OperatorProcess(cluster, namespace, tmp_path, STUCK_LIMIT_S="1") as operator:
        operator.wait_for_log("in_sync")
        videojobs.create("j")
        videojobs.wait_for_condition("j", "Scheduled", "False", "JobRefused")
        pods.release_all()
        operator.wait_for_log("reconcile_failed", times=4)
        assert videojobs.status("j")["phase"] == "Pending"
        videojobs.delete_object("resourcequotas", "none")
        videojobs.wait_for_phase("j", "Succeeded", 60)
