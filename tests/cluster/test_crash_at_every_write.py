"""One job is run twice for each write of the operator: it is killed just before the write, and just after it.

How often the status is written depends on what comes between two writes, so that a run may end before the last ones
of another: the run with the fewest of several side by side says which there are. The first of each kind is in all runs.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_dev.control_plane.processes import free_port
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.control_plane import make_namespace
from support.forks import Forks
from support.operator_process import operator_environment, operator_metrics
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import PlayedPipeline
from support.played_standby import is_standby, ready_standby, standing_by
from support.receiver import ALL_SEVEN, Receiver
from support.server_process import is_alive

AT_ONCE = 4
LAST = "callback completed 100 1"
RECORD = "PUT delivery 1"


@pytest.fixture
def forks() -> Iterator[Forks]:
    forks = Forks()
    yield forks
    forks.close()


@dataclass(frozen=True)
class Run:
    """A job that was run to its end; its first operator was to be killed `when` (before, after) it made `write`."""

    name: str
    writes: list[str]
    """Of the first operator, in order."""
    died: bool
    """Whether the first operator was killed."""
    write: str = ""
    when: str = ""

    @property
    def unrecorded(self) -> bool:
        """Whether it was killed after the last callback had begun, and before that was recorded."""
        done = self.writes if self.when == "after" else self.writes[:-1]
        return LAST in done and RECORD not in done


class Runs:
    """Runs of one job, each in a namespace of its own."""

    def __init__(self, plane: ControlPlane, forks: Forks, folder: Path, backend: Receiver, scenario: str) -> None:
        self._plane, self._forks, self._folder = plane, forks, folder
        self._backend, self._scenario = backend, scenario

    def undisturbed(self, number: int) -> "Run":
        name = f"{self._scenario}-undisturbed-{number}"
        return Run(name, *self._run(name, {}))

    def crash(self, write: str, when: str) -> "Run":
        name = f"{self._scenario}-{when}-{re.sub('[^a-z0-9]+', '-', write.lower())}"
        return Run(name, *self._run(name, {"CRASH_AT": write, "CRASH_WHEN": when}), write, when)

    def _run(self, name: str, crash: dict[str, str]) -> tuple[list[str], bool]:
        """What the job's first operator wrote, and whether it was killed."""
        make_namespace(self._plane, name)
        videojobs = VideoJobs(self._plane, name)
        common = self._environment(name)
        with played_kubelet(self._plane, name, self._script()):
            writes = self._folder / f"writes-of-{name}"
            pid = self._forks.fork(common | crash | {"WRITES": str(writes)})
            if self._scenario == "standby":
                wait_until(lambda: _has_standby(common) or not is_alive(pid), 60)
                videojobs.create_signed(name, "https://media.example/v.mp4?X-Amz-Signature=x", self._backend.url)
            else:
                videojobs.create(name, self._backend.url)
            died = False
            if crash:
                wait_until(lambda: not is_alive(pid) or self._is_done(videojobs, name), 60)
                if crash["CRASH_AT"] in writes.read_text().splitlines():  # the job may be done just before the kill
                    wait_until(lambda: not is_alive(pid), 30)
                died = not is_alive(pid)
                self._end(pid)
                pid = self._forks.fork(common)
            wait_until(
                lambda: self._is_done(videojobs, name),
                60,
                lambda: (name, videojobs.status(name), self._details(videojobs, name)),
            )
            self._end(pid)
        return writes.read_text().splitlines(), died

    def _environment(self, name: str) -> dict[str, str]:
        return {
            **operator_environment(self._plane, name),
            "HEALTH_PORT": "0",
            "METRICS_PORT": str(free_port()),
            "POD_UID": name,  # the container starts again in its pod, and keeps the Lease
            "LEASE_DURATION_S": "30",
            "LEASE_RENEW_S": "2",
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


def _has_standby(operator: Mapping[str, str]) -> bool:
    with suppress(httpx.TransportError):
        return ready_standby(operator_metrics(int(operator["METRICS_PORT"]))) > 0
    return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", ["plain", "retried", "standby"])
def test_every_run_ends_alike_and_repeats_no_callback(
    cluster: ControlPlane, forks: Forks, tmp_path: Path, scenario: str, figure: Callable[[str], None]
) -> None:
    with Receiver() as backend:
        runs = Runs(cluster, forks, tmp_path, backend, scenario)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            undisturbed = min(pool.map(runs.undisturbed, range(AT_ONCE)), key=lambda run: len(run.writes))
            crashes = list(product(undisturbed.writes, ("before", "after")))
            crashed = list(pool.map(lambda crash: runs.crash(*crash), crashes))
        expected = _final(cluster, undisturbed.name)
        for run in crashed:
            assert _final(cluster, run.name) == expected, run
            marks = [r.mark for r in backend.of(run.name)]
            ids = [r.headers["webhook-id"] for r in backend.of(run.name)]
            assert list(dict.fromkeys(marks)) == ALL_SEVEN, (run, marks)
            assert len(set(ids)) == len(ALL_SEVEN), "a repetition keeps its id"
            assert len(marks) - len(ALL_SEVEN) <= 1, (run, marks)
            assert marks.count(ALL_SEVEN[-1]) == 1 or run.unrecorded, (run, marks)
        died = sum(run.died for run in crashed)
        count = len(undisturbed.writes)
        figure(f"crash at every write ({scenario}): {len(crashed)} runs, {died} deaths, {count} writes a job")
    assert died >= len(crashed) * 0.9, [(run.name, run.writes) for run in crashed if not run.died]
    assert not [run for run in crashed if run.write.endswith(" 1") and not run.died], "a kind of write was not reached"
