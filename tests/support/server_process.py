"""`ecg serve` as a process that can be restarted on the same data directory or cluster."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ecg_dev.control_plane.processes import free_port
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.program import Program, environment_without

__all__ = ["ServerProcess", "is_alive", "kill_9", "wait_until"]


def environment_in_cluster(plane: ControlPlane, namespace: str, **own: str) -> dict[str, str]:
    """The environment of a server with STORE=kubernetes."""
    cluster = {"STORE": "kubernetes", "NAMESPACE": namespace, "KUBECONFIG": str(plane.kubeconfig)}
    return {**environment_without("AWS_", "KUBE"), **cluster, "CALLBACK_ALLOW": "127.0.0.1", **own}


class ServerProcess(Program):
    """Is stopped when the context ends; keeps its URL over restarts."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        port = free_port()
        self.data_dir = folder / "data"
        super().__init__(
            ("-m", "ecg_api.cli", "serve", *arguments),
            {**environment, "DATA_DIR": str(self.data_dir), "PORT": str(port)},
            folder / "server.log",
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    def start(self, timeout: float = 60.0) -> Self:
        """Returns when the server answers."""
        self._process = self.launch()
        wait_until(self._answers, timeout, self.last_words)
        return self

    def post(self, job_id: str, video_url: str, **fields: Any) -> httpx.Response:
        body = {"job_id": job_id, "video_url": video_url, **fields}
        return self.client.post("/api/upload-video/process-video", json=body)

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/jobs/{job_id}")
        return dict(answer.json()) if answer.status_code == 200 else {"status": answer.status_code}

    def wait_for(self, job_id: str, status: str, timeout: float = 30.0) -> dict[str, Any]:
        wait_until(lambda: self.job(job_id)["status"] == status, timeout, lambda: self.job(job_id))
        return self.job(job_id)

    def _answers(self) -> bool:
        if not self.is_running:
            raise AssertionError(f"the server ended with {self.process.returncode}: {self.last_words()}")
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
        if self.is_running:
            self.stop()


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
