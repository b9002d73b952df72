"""`ecg serve` before a cluster, as its own process."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from support.control_plane.processes import free_port
from support.control_plane.server import ControlPlane
from support.waiting import wait_until


class ApiProcess:
    """Started and stopped as a context manager; ready when it is entered."""

    def __init__(self, plane: ControlPlane, namespace: str, folder: Path, **environment: str) -> None:
        self._port = free_port()
        self.log = folder / f"api-{self._port}.log"
        own = {"STORE": "kubernetes", "NAMESPACE": namespace, "PORT": str(self._port), "CALLBACK_ALLOW": "127.0.0.1"}
        self._environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), **own, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30, trust_env=False)

    def post(self, job_id: str, video_url: str, **fields: Any) -> httpx.Response:
        body = {"job_id": job_id, "video_url": video_url, **fields}
        return self.client.post("/api/upload-video/process-video", json=body)

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "ecg_api.cli", "serve"]
            self._process = subprocess.Popen(command, env=self._environment, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._is_ready, 30, self.log.read_text)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False
