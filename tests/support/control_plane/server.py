"""A real Kubernetes control plane on this machine: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

There is no kubelet: no pod ever runs here. What stands for one in a test says so (`support.control_plane.played`).
"""

import time
from collections.abc import Callable
from pathlib import Path

from support.control_plane.api_access import ApiAccess
from support.control_plane.arguments import (
    api_server_arguments,
    controller_manager_arguments,
    etcd_arguments,
    scheduler_arguments,
)
from support.control_plane.binaries import program
from support.control_plane.certificates import write_credentials
from support.control_plane.processes import Process, free_port

_START_S = 120.0


class ControlPlane(ApiAccess):
    """Starts it all in `folder`; `stop` ends every process."""

    def __init__(self, folder: Path) -> None:
        self._etcd_port, self._etcd_peer_port, self._port = free_port(), free_port(), free_port()
        super().__init__(folder, f"https://127.0.0.1:{self._port}")
        write_credentials(folder, "127.0.0.1")
        self._processes: dict[str, Process] = {}

    @property
    def port(self) -> int:
        return self._port

    def start(self) -> None:
        self._start("etcd", etcd_arguments(self.folder, self._etcd_port, self._etcd_peer_port))
        self.start_api_server()
        played_nodes = "--controllers=*,-node-lifecycle-controller"
        self._start("kube-controller-manager", [*controller_manager_arguments(self), played_nodes])
        self._start("kube-scheduler", scheduler_arguments(self))
        self._wait("the service account of the namespace default", self._has_default_account)

    def start_api_server(self) -> None:
        arguments = api_server_arguments(self.folder, self._etcd_port, "127.0.0.1", self._port)
        self._start("kube-apiserver", [*arguments, "--endpoint-reconciler-type=none"])
        self._wait("kube-apiserver", lambda: self.get("/readyz") is not None)

    def kill_api_server(self) -> None:
        """As in an outage; `start_api_server` brings it back with all it had stored. Both from the main thread: a
        program ends with the thread that started it."""
        self._processes.pop("kube-apiserver").kill()

    def stop(self) -> None:
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self._processes:
                self._processes.pop(name).stop()

    def _start(self, name: str, arguments: list[str]) -> None:
        self._processes[name] = Process([str(program(name)), *arguments], self.folder / f"{name}.log")

    def _has_default_account(self) -> bool:
        return self.get("/api/v1/namespaces/default/serviceaccounts/default") is not None

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_S
        while not condition():
            for name, process in self._processes.items():
                if not process.is_running():
                    raise RuntimeError(f"{name} ended:\n{process.last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} did not come up within {_START_S:.0f} s; see the logs in {self.folder}")
            time.sleep(0.1)
