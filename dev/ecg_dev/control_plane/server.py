"""A real Kubernetes control plane on this machine: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

There is no kubelet, so no pod runs: tests write the pods' statuses themselves.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_dev.control_plane.api_access import ApiAccess
from ecg_dev.control_plane.arguments import (
    api_server_arguments,
    controller_manager_arguments,
    etcd_arguments,
    scheduler_arguments,
)
from ecg_dev.control_plane.binaries import program
from ecg_dev.control_plane.certificates import write_credentials
from ecg_dev.control_plane.processes import Process, free_port
from ecg_dev.control_plane.starting import wait_for_start


class ControlPlane(ApiAccess):
    """Its data and logs lie in `folder`; `stop` ends every process."""

    def __init__(self, folder: Path) -> None:
        self._etcd_port, self._etcd_peer_port, self._port = free_port(), free_port(), free_port()
        super().__init__(folder, f"https://127.0.0.1:{self._port}")
        write_credentials(folder, "127.0.0.1")
        self._processes: dict[str, Process] = {}

    def start(self) -> None:
        self._start("etcd", etcd_arguments(self.folder, self._etcd_port, self._etcd_peer_port))
        self.start_api_server()
        played_nodes = "--controllers=*,-node-lifecycle-controller"
        self._start("kube-controller-manager", [*controller_manager_arguments(self), played_nodes])
        self._start("kube-scheduler", scheduler_arguments(self))
        self._wait("the service account of the namespace default", self.has_default_account)

    def start_api_server(self) -> None:
        arguments = api_server_arguments(self.folder, self._etcd_port, "127.0.0.1", self._port)
        self._start("kube-apiserver", [*arguments, "--endpoint-reconciler-type=none"])
        self._wait("kube-apiserver", self.is_ready)

    def kill_api_server(self) -> None:
        """An outage, until `start_api_server`; etcd keeps the data. Call both from the main thread: a program is
        killed when the thread that started it ends."""
        self._processes.pop("kube-apiserver").kill()

    def stop(self) -> None:
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"):
            if name in self._processes:
                self._processes.pop(name).stop()

    def _start(self, name: str, arguments: list[str]) -> None:
        self._processes[name] = Process([str(program(name)), *arguments], self.folder / f"{name}.log")

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        wait_for_start(what, condition, self._ended, self.folder)

    def _ended(self) -> str | None:
        dead = (f"{name} ended:\n{p.log_tail()}" for name, p in self._processes.items() if not p.is_running())
        return next(dead, None)


@contextmanager
def running_control_plane(folder: Path) -> Iterator[ControlPlane]:
    """A started control plane; stopped when the context ends."""
    plane = ControlPlane(folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
