"""`ecg serve` as its own process, which can be killed, stopped and started again on the same data directory."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from support.waiting import wait_until

__all__ = ["ServerProcess", "is_alive", "kill_9", "wait_until"]


class ServerProcess:
    """Made stopped; its URL stays the same over restarts. `log` is its stderr."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.log = folder / "server.log"
        self._command = (sys.executable, "-m", "ecg_api.cli", "serve", *arguments)
        self._port = _free_port()
        self.data_dir = folder / "data"
        self._environment = {**environment, "DATA_DIR": str(self.data_dir), "PORT": str(self._port)}
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30, trust_env=False)

    def start(self, timeout: float = 60.0) -> Self:
        """Returns when the server answers."""
        self._process = self.launch()
        wait_until(self._answers, timeout, lambda: self.log.read_text()[-3000:])
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        """Start a process without waiting for its answer; the object does not keep it."""
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, env=self._environment, stderr=log, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout)

    def post(self, job_id: str, video_url: str, **fields: Any) -> httpx.Response:
        body = {"job_id": job_id, "video_url": video_url, **fields}
        return self.client.post("/api/upload-video/process-video", json=body)

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/jobs/{job_id}")
        return dict(answer.json()) if answer.status_code == 200 else {"status": answer.status_code}

    def wait_for(self, job_id: str, status: str, timeout: float = 30.0) -> dict[str, Any]:
        wait_until(lambda: self.job(job_id)["status"] == status, timeout, lambda: self.job(job_id))
        return self.job(job_id)

    def log_lines(self) -> list[dict[str, Any]]:
        """What the server and its pipeline logged so far; lines that other programs print are left out."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended with {self._process.returncode}: {self.log.read_text()[-3000:]}")
        try:
            return self.client.get("/health/live").status_code == 200
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self._process is not None and self._process.poll() is None:
            self.stop()


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
