"""The operator as its own process, which can be killed and started again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from support.control_plane.processes import free_port
from support.control_plane.server import ControlPlane
from support.waiting import wait_until

QUICK = {
    "LEASE_DURATION_S": "4",
    "LEASE_RENEW_S": "1",
    "RESYNC_S": "2",
}
"""Times for tests that are about something else."""


class OperatorProcess:
    """Made stopped. `log` is its stderr over all its lives."""

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        folder: Path,
        *command: str,
        **environment: str,
    ) -> None:
        self.log = folder / f"operator-{free_port()}.log"
        self.health_port, self.metrics_port = free_port(), free_port()
        self._command = [sys.executable, *(command or ("-m", "ecg_operator.main"))]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = inherited | {
            "KUBECONFIG": str(plane.kubeconfig),
            "NAMESPACE": namespace,
            "PIPELINE_IMAGE": "played:1",
            "PIPELINE_SERVICE_ACCOUNT": "pipeline",
            "GPU_ENABLED": "true",
            "CALLBACK_ALLOW": "127.0.0.1",
            "HEALTH_PORT": str(self.health_port),
            "METRICS_PORT": str(self.metrics_port),
            **QUICK,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, **environment: str) -> Self:
        """Returns at once; `wait_for_log("in_sync")` when it is to be at work."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment | environment, stderr=log, stdout=log, stdin=subprocess.DEVNULL
            )
        return self

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

    def wait_for_end(self, timeout: float = 60.0) -> int:
        assert self._process is not None
        return self._process.wait(timeout)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def wait_for_log(self, event: str, times: int = 1, timeout: float = 30.0) -> dict[str, Any]:
        """The last of the lines with this event, once there are so many."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines() if line["event"] == event]

        wait_until(lambda: len(found()) >= times, timeout, lambda: self.log.read_text()[-3000:])
        return found()[-1]

    def health(self) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.health_port}/healthz", trust_env=False)

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", trust_env=False).text

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running:
            self.kill()
