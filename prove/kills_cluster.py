"""Kills the API, the operator and pods at random moments while VideoJobs run on a real control plane."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from backend_that_drops import Dropping
from judged import Evidence, shown
from proof_progress import Progress

from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.control_plane import make_namespace
from support.forks import Forks
from support.operator_process import operator_environment
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import FencedError, PlayedPipeline
from support.server_process import ServerProcess, environment_in_cluster, is_alive

JOBS, KILLS = 60, 110
AT_WORK = 5
STAGE_S = 0.3
END_S = 240.0
_WEIGHTS = {"operator": 5, "api": 2, "pod": 4}


class Pods:
    """Plays pods that work for a few seconds; `kill` ends one as by kill -9, or deletes it as a drain does."""

    def __init__(self) -> None:
        self._at_work: dict[str, tuple[PlayedPod, threading.Event]] = {}
        self._lock = threading.Lock()

    def script(self, pod: PlayedPod) -> None:
        killed = threading.Event()
        with self._lock:
            self._at_work[pod.uid] = pod, killed
        try:
            self._work(pod, killed)
        except FencedError:
            pod.finish(15)
        finally:
            with self._lock:
                del self._at_work[pod.uid]

    def kill(self, chance: random.Random) -> bool:
        """False where no pod works."""
        with self._lock:
            if not self._at_work:
                return False
            pod, killed = chance.choice(sorted(self._at_work.values(), key=lambda entry: entry[0].name))
        if chance.random() < 0.3:
            pod.admin.delete(pod.path)
        killed.set()
        return True

    def _work(self, pod: PlayedPod, killed: threading.Event) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.wait_until_assigned()
        for stage in Stage:
            if killed.wait(STAGE_S):
                return pod.finish(143)
            if stage is Stage.COMPLETED:
                return pipeline.complete()
            pipeline.reach(stage)
        return None


class KilledCluster:
    """A cluster under kills; `run` returns the evidence and what was killed."""

    def __init__(self, plane: ControlPlane, folder: Path, seed: int, jobs: int = JOBS, kills: int = KILLS) -> None:
        self._plane, self._folder, self._random = plane, folder, random.Random(seed)
        self._jobs, self._kills, self._namespace = jobs, kills, "prove-kills"
        self._told, self._pods, self._forks = Dropping(seed), Pods(), Forks()
        environment = environment_in_cluster(plane, self._namespace, BACKEND_URL=self._told.backend.url)
        self._api = ServerProcess(folder, environment)
        self._videojobs = VideoJobs(plane, self._namespace)
        self._progress = Progress("kills, Kubernetes")
        self._posted: list[str] = []
        self._deaths: list[float] = []
        self._recorded: dict[str, float] = {}
        self._operator = 0
        self.killed = dict.fromkeys(_WEIGHTS, 0)

    def run(self) -> Evidence:
        make_namespace(self._plane, self._namespace)
        with (
            self._told.backend,
            self._api,
            played_kubelet(self._plane, self._namespace, self._pods.script, threads=32),
        ):
            self._api.start()
            self._start_operator()
            try:
                self._disturb()
                wait_until(self._all_recorded, END_S, self._left, pause_s=0.3)
            finally:
                self._end_operator()
            ends = {job_id: shown(self._api.job(job_id)) for job_id in self._posted}
        return Evidence(
            self._posted,
            self._told.callbacks(),
            {job_id: status for job_id, (status, _) in ends.items()},
            {job_id: message for job_id, (_, message) in ends.items()},
            self._deaths,
            self._recorded,
        )

    def _disturb(self) -> None:
        while sum(self.killed.values()) < self._kills or len(self._posted) < self._jobs:
            while len(self._posted) - len(self._recorded) < AT_WORK:
                self._post()
            self._watch_for(self._random.uniform(0.1, 1.5))
            if sum(self.killed.values()) < self._kills:
                self._kill(self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0])
            self._progress.say(f"{sum(self.killed.values())} kills, {len(self._posted)} jobs")

    def _post(self) -> None:
        job_id = f"k{len(self._posted):04}"
        answer = self._api.post(job_id, "https://media.example/v.mp4")
        assert answer.status_code == 200, answer.text
        self._posted.append(job_id)
        if self._random.random() < 0.1:  # the moment after the 200
            self._kill("api")

    def _watch_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._all_recorded()
            time.sleep(0.1)

    def _all_recorded(self) -> bool:
        """Note which last callbacks are recorded by now."""
        with suppress(httpx.TransportError):
            for manifest in self._videojobs.all():
                if _has_delivered(manifest):
                    self._recorded.setdefault(manifest["spec"]["jobId"], time.monotonic())
        return len(self._recorded) == len(self._posted)

    def _left(self) -> list[Any]:
        left = [m for m in self._videojobs.all() if m["spec"]["jobId"] not in self._recorded]
        return [(m["metadata"]["name"], m.get("status")) for m in left]

    def _kill(self, what: str) -> None:
        if what == "pod" and not self._pods.kill(self._random):
            return
        if what == "operator":
            self._end_operator()
            self._deaths.append(time.monotonic())
            self._start_operator()
        if what == "api":
            self._api.kill()
            self._api.start()
        self.killed[what] += 1

    def _start_operator(self) -> None:
        environment = operator_environment(self._plane, self._namespace) | {
            "BACKEND_URL": self._told.backend.url,
            "HEALTH_PORT": "0",
            "METRICS_PORT": "0",
            "LEASE_DURATION_S": "2",
            "LEASE_RENEW_S": "0.5",
            "LOG": str(self._folder / "operator.log"),
        }
        self._operator = self._forks.fork(environment)

    def _end_operator(self) -> None:
        if is_alive(self._operator):
            os.kill(self._operator, signal.SIGKILL)
            wait_until(lambda: not is_alive(self._operator), 10)


def _has_delivered(manifest: dict[str, Any]) -> bool:
    return bool((manifest.get("status") or {}).get("callback") == "delivered")
