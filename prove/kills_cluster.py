"""Kills the API, the operator and pods at random moments while VideoJobs run on a real control plane."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from backend_that_drops import Dropping
from kill_run import Course, KillRun

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

STAGE_S = 0.3
COURSE = Course("Kubernetes", at_work=5, pause_s=(0.1, 1.5), look_s=0.1, after_post=("api", 0.1), end_s=240.0)


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
    """The host: an API server process and an operator on a real control plane, with played pods."""

    def __init__(self, plane: ControlPlane, folder: Path, backend: str, chance: random.Random) -> None:
        self._plane, self._folder, self._backend, self._random = plane, folder, backend, chance
        self._namespace = "prove-kills"
        self._pods, self._forks = Pods(), Forks()
        self._api = ServerProcess(folder, environment_in_cluster(plane, self._namespace, BACKEND_URL=backend))
        self._videojobs = VideoJobs(plane, self._namespace)
        self._operator = 0
        self.weights = {"operator": 5, "api": 2, "pod": 4}

    @contextmanager
    def running(self) -> Iterator[None]:
        make_namespace(self._plane, self._namespace)
        with self._api, played_kubelet(self._plane, self._namespace, self._pods.script, threads=32):
            self._api.start()
            self._start_operator()
            try:
                yield
            finally:
                self._end_operator()
                self._forks.close()

    def post(self, job_id: str, video_url: str) -> httpx.Response:
        return self._api.post(job_id, video_url)

    def job(self, job_id: str) -> dict[str, Any]:
        return self._api.job(job_id)

    def delivered(self, job_ids: Sequence[str]) -> Iterator[str]:
        for manifest in self._videojobs.all():
            job_id = str(manifest["spec"]["jobId"])
            if job_id in job_ids and (manifest.get("status") or {}).get("callback") == "delivered":
                yield job_id

    def states(self, job_ids: Sequence[str]) -> object:
        return [manifest for manifest in self._videojobs.all() if manifest["spec"]["jobId"] in job_ids]

    def kill(self, what: str, deaths: list[float]) -> bool:
        if what == "pod":
            return self._pods.kill(self._random)
        if what == "operator":
            self._end_operator()
            deaths.append(time.monotonic())
            self._start_operator()
        if what == "api":
            self._api.kill()
            self._api.start()
        return True

    def _start_operator(self) -> None:
        environment = operator_environment(self._plane, self._namespace) | {
            "BACKEND_URL": self._backend,
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


def killed_cluster(plane: ControlPlane, folder: Path, seed: int) -> KillRun:
    told, chance = Dropping(seed), random.Random(seed)
    return KillRun(KilledCluster(plane, folder, told.backend.url, chance), told, COURSE, chance)
