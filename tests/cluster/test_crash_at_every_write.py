"""One job is run twice for each write of the operator: it is killed just before the write, and just after it."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.conditions import holds
from support.control_plane import make_namespace
from support.forks import Forks
from support.operator_process import operator_environment
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.played_standby import is_standby, standing_by
from support.receiver import ALL_SEVEN, Receiver
from support.server_process import is_alive

AT_ONCE = 4
LAST = "callback completed 100"


@pytest.fixture
def forks() -> Iterator[Forks]:
    forks = Forks()
    yield forks
    forks.close()


class Runs:
    """Runs of one job, each in a namespace of its own."""

    def __init__(self, plane: ControlPlane, forks: Forks, folder: Path, backend: Receiver, scenario: str) -> None:
        self._plane, self._forks, self._folder = plane, forks, folder
        self._backend, self._scenario = backend, scenario

    def writes(self) -> list[str]:
        """What an undisturbed run writes, in order."""
        file = self._folder / f"writes-{self._scenario}"
        self.run(f"{self._scenario}-undisturbed", {"WRITES": str(file)})
        return file.read_text().splitlines()

    def crash(self, number: int, when: str) -> tuple[str, bool]:
        """The job's id, and whether the process was killed there."""
        name = f"{self._scenario}-{number}-{when}"
        return name, self.run(name, {"CRASH_AT": str(number), "CRASH_WHEN": when, "WRITES": self.file(name)})

    def file(self, name: str) -> str:
        return str(self._folder / f"writes-of-{name}")

    def unrecorded(self, name: str, when: str) -> bool:
        """Whether it was killed between the last callback's acknowledgement and its record."""
        lines = Path(self.file(name)).read_text().splitlines()
        if when == "after":
            return lines[-1] == LAST
        return LAST in lines[:-1] and lines[-1].endswith("/status")

    def run(self, name: str, environment: dict[str, str]) -> bool:
        make_namespace(self._plane, name)
        videojobs = VideoJobs(self._plane, name)
        common = self._environment(name)
        with played_kubelet(self._plane, name, self._script()):
            pid = self._forks.fork(common | environment)
            if self._scenario == "standby":
                wait_until(lambda: _stands_by(videojobs) or not is_alive(pid), 60)
                videojobs.create_signed(name, "https://media.example/v.mp4?X-Amz-Signature=x", self._backend.url)
            else:
                videojobs.create(name, self._backend.url)
            died = False
            if "CRASH_AT" in environment:
                wait_until(lambda: not is_alive(pid) or self._is_done(videojobs, name), 60)
                died = not is_alive(pid)
                self._end(pid)
                pid = self._forks.fork(common)
            wait_until(
                lambda: self._is_done(videojobs, name),
                60,
                lambda: (name, videojobs.status(name), self._details(videojobs, name)),
            )
            self._end(pid)
        return died

    def _environment(self, name: str) -> dict[str, str]:
        return {
            **operator_environment(self._plane, name),
            "HEALTH_PORT": "0",
            "METRICS_PORT": "0",
            "LEASE_DURATION_S": "2",
            "LEASE_RENEW_S": "0.5",
            "STANDBY_CPU": "1" if self._scenario == "standby" else "0",
            "LOG": str(self._folder / f"{name}.log"),
        }

    def _script(self) -> Callable[[PlayedPod], None]:
        def script(pod: PlayedPod) -> None:
            if is_standby(pod):
                return stands_by(pod)
            pipeline = PlayedPipeline(pod)
            if self._scenario == "retried" and pipeline.job["attempt"] == 1:
                pod.run()
                return pod.finish(143)
            return pipeline.work()

        stands_by = standing_by(PlayedPipeline.work_while_running, script)
        return script

    def _is_done(self, videojobs: VideoJobs, name: str) -> bool:
        delivered = videojobs.condition(name, "CallbackDelivered") == ("True", "Delivered")
        return delivered and [reason for reason, _ in videojobs.events(name)].count("Completed") <= 1

    def _end(self, pid: int) -> None:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)

    def _details(self, videojobs: VideoJobs, name: str) -> tuple[object, ...]:
        return name, videojobs.status(name), (self._folder / f"{name}.log").read_text()[-2000:]


def _final(plane: ControlPlane, name: str) -> dict[str, Any]:
    """What has to be the same after every run."""
    videojobs = VideoJobs(plane, name)
    status = videojobs.status(name)
    return {
        "phase": status["phase"],
        "attempts": status["attempt"]["number"],
        "retries": status.get("retries"),
        "conditions": {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]},
        "delivered": (status["callbacks"]["acknowledged"], status["callbacks"]["terminal"]["outcome"]),
        "pods": len([pod for pod in videojobs.objects("pods") if pod["metadata"]["labels"][VIDEOJOB_LABEL]]),
    }


def _stands_by(videojobs: VideoJobs) -> bool:
    return any(holds(pod, "Ready") for pod in videojobs.objects("pods"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", ["plain", "retried", "standby"])
def test_every_run_ends_alike_and_repeats_no_callback(
    cluster: ControlPlane, forks: Forks, tmp_path: Path, scenario: str, figure: Callable[[str], None]
) -> None:
    with Receiver() as backend:
        runs = Runs(cluster, forks, tmp_path, backend, scenario)
        writes = runs.writes()
        crashes = [(number, when) for number in range(1, len(writes) + 1) for when in ("before", "after")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ran = list(pool.map(lambda crash: runs.crash(*crash), crashes))
        expected = _final(cluster, f"{scenario}-undisturbed")
        for (name, _), (number, when) in zip(ran, crashes, strict=True):
            assert _final(cluster, name) == expected, (name, writes[number - 1])
            marks = [r.mark for r in backend.of(name)]
            ids = [r.headers["webhook-id"] for r in backend.of(name)]
            assert list(dict.fromkeys(marks)) == ALL_SEVEN, (name, writes[number - 1], marks)
            assert len(set(ids)) == len(ALL_SEVEN), "a repetition keeps its id"
            assert len(marks) - len(ALL_SEVEN) <= 1, (name, writes[number - 1], marks)
            assert marks.count(ALL_SEVEN[-1]) == 1 or runs.unrecorded(name, when), (name, writes[number - 1], marks)
        died = sum(died for _, died in ran)
        figure(f"crash at every write ({scenario}): {len(ran)} runs, {died} deaths, {len(writes)} writes a job")
    assert died >= len(ran) * 0.9
