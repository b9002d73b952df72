"""The operator as its own process."""

from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from ecg_dev.control_plane.processes import free_port
from ecg_dev.control_plane.server import ControlPlane
from support.program import Program, environment_without

QUICK = {
    "LEASE_DURATION_S": "4",
    "LEASE_RENEW_S": "1",
    "RESYNC_S": "2",
}
"""Short times for tests that are about something else."""


def operator_environment(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """Settings of every operator in the tests: administrator rights, played pods, backends on loopback."""
    return {
        "KUBECONFIG": str(plane.kubeconfig),
        "NAMESPACE": namespace,
        "PIPELINE_IMAGE": "played:1",
        "PIPELINE_SERVICE_ACCOUNT": "pipeline",
        "CALLBACK_ALLOW": "127.0.0.1",
    }


def operator_metrics(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text


class OperatorProcess(Program):
    """Started as a context manager; `wait_for_log("in_sync")` waits until it acts."""

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        folder: Path,
        *command: str,
        **environment: str,
    ) -> None:
        self.health_port, self.metrics_port = free_port(), free_port()
        own = {
            **operator_environment(plane, namespace),
            "GPU_ENABLED": "true",
            "HEALTH_PORT": str(self.health_port),
            "METRICS_PORT": str(self.metrics_port),
        }
        super().__init__(
            command or ("-m", "ecg_operator.main"),
            {**environment_without("AWS_"), **own, **QUICK, **environment},
            folder / f"operator-{self.health_port}.log",
        )

    def health(self) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.health_port}/healthz", trust_env=False)

    def metrics(self) -> str:
        return operator_metrics(self.metrics_port)

    def __enter__(self) -> Self:
        self._process = self.launch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_running:
            self.kill()
