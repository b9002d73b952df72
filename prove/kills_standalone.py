"""Kills the standalone server, its pipeline process, or both, at random moments while jobs run."""

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from backend_that_drops import Dropping
from kill_run import Course, KillRun

from support.scripted_pipeline import ScriptedPipeline
from support.server_process import ServerProcess, is_alive
from support.standalone import STAGES

ATTEMPT = [step for stage in STAGES for step in (f"stage:{stage}", "work:0.15")]
COURSE = Course(
    "standalone", at_work=4, pause_s=(0.02, 1.8), look_s=0.02, after_post=("server", 0.2), end_s=180.0
)  # fmt: skip


class KilledServer:
    """The host: a server process, whose pipeline process is scripted."""

    def __init__(self, folder: Path, backend: str) -> None:
        self._pipeline = ScriptedPipeline(folder / "scripted", ATTEMPT)
        environment = {**self._pipeline.environment, "BACKEND_URL": backend, "QUEUE_LIMIT": "1000"}
        self._server = ServerProcess(folder, environment)
        self.weights = {"server": 2, "child": 5, "both": 1}

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._server:
            self._server.start()
            yield

    def post(self, job_id: str, video_url: str) -> httpx.Response:
        return self._server.post(job_id, video_url)

    def job(self, job_id: str) -> dict[str, Any]:
        return self._server.job(job_id)

    def delivered(self, job_ids: Sequence[str]) -> Iterator[str]:
        for job_id in job_ids:
            if (self.job(job_id).get("callback") or {}).get("state") == "delivered":
                yield job_id

    def states(self, job_ids: Sequence[str]) -> object:
        return [self.job(job_id) for job_id in job_ids]

    def kill(self, what: str, deaths: list[float]) -> bool:
        if what in ("child", "both"):
            self._kill_child()
        if what in ("server", "both"):
            self._server.kill()
            deaths.append(time.monotonic())
            self._server.start()
        return True

    def _kill_child(self) -> None:
        for pid in self._pipeline.pids()[-1:]:
            if is_alive(pid) and b"ecg_pipeline" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def killed_server(folder: Path, seed: int) -> KillRun:
    told = Dropping(seed)
    return KillRun(KilledServer(folder, told.backend.url), told, COURSE, random.Random(seed))
