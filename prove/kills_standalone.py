"""Kills the standalone server, its pipeline process, or both, at random moments while jobs run."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
from backend_that_drops import Dropping
from judged import Evidence, shown
from proof_progress import Progress

from ecg_dev.waiting import wait_until
from support.scripted_pipeline import ScriptedPipeline
from support.server_process import ServerProcess, is_alive
from support.standalone import STAGES

JOBS, KILLS = 60, 110
AT_WORK = 4
"""Unfinished jobs kept in the queue."""
ATTEMPT = [step for stage in STAGES for step in (f"stage:{stage}", "work:0.15")]
END_S = 180.0


class KilledServer:
    """A server under kills; `run` returns the evidence and what was killed."""

    def __init__(self, folder: Path, seed: int, jobs: int = JOBS, kills: int = KILLS) -> None:
        self._random, self._jobs, self._kills = random.Random(seed), jobs, kills
        self._pipeline = ScriptedPipeline(folder / "scripted", ATTEMPT)
        self._told = Dropping(seed)
        environment = {**self._pipeline.environment, "BACKEND_URL": self._told.backend.url, "QUEUE_LIMIT": "1000"}
        self._server = ServerProcess(folder, environment)
        self._progress = Progress("kills, standalone")
        self._posted: list[str] = []
        self._deaths: list[float] = []
        self._recorded: dict[str, float] = {}
        self.killed = {"server": 0, "child": 0, "both": 0}

    def run(self) -> Evidence:
        with self._told.backend, self._server:
            self._server.start()
            while sum(self.killed.values()) < self._kills or len(self._posted) < self._jobs:
                self._top_up()
                self._watch_for(self._random.uniform(0.02, 1.8))
                if sum(self.killed.values()) < self._kills:
                    self._kill(self._random.choices(["server", "child", "both"], [2, 5, 1])[0])
                self._progress.say(f"{sum(self.killed.values())} kills, {len(self._posted)} jobs")
            wait_until(self._all_recorded, END_S, self._open, pause_s=0.2)
            ends = {job_id: shown(self._server.job(job_id)) for job_id in self._posted}
        return Evidence(
            self._posted,
            self._told.callbacks(),
            {job_id: status for job_id, (status, _) in ends.items()},
            {job_id: message for job_id, (_, message) in ends.items()},
            self._deaths,
            self._recorded,
        )

    def _top_up(self) -> None:
        """Keep the queue filled; while kills are left, also beyond the number of jobs."""
        while len(self._open()) < AT_WORK:
            job_id = f"s{len(self._posted):04}"
            assert self._server.post(job_id, "https://media.example/v.mp4").status_code == 200
            self._posted.append(job_id)
            if self._random.random() < 0.2:  # the moment after the 200
                return self._kill("server")
        return None

    def _watch_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._all_recorded()
            time.sleep(0.02)

    def _all_recorded(self) -> bool:
        """Note which last callbacks are recorded by now."""
        for job_id in self._open():
            with suppress(httpx.TransportError):
                state = (self._server.job(job_id).get("callback") or {}).get("state")
                if state == "delivered":
                    self._recorded[job_id] = time.monotonic()
        return not self._open()

    def _open(self) -> list[str]:
        return [job_id for job_id in self._posted if job_id not in self._recorded]

    def _kill(self, what: str) -> None:
        if what in ("child", "both"):
            self._kill_child()
        if what in ("server", "both"):
            self._server.kill()
            self._deaths.append(time.monotonic())
            self._server.start()
        self.killed[what] += 1

    def _kill_child(self) -> None:
        for pid in self._pipeline.pids()[-1:]:
            if is_alive(pid) and b"ecg_pipeline" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
