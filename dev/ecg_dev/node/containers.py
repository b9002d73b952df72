"""Processes of a pod's containers, seen from this machine."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def processes(pod_uid: str, command: str) -> list[int]:
    """Process ids in a pod whose command line contains `command`."""
    return [pid for pid in _pids() if _is_in(pid, pod_uid) and command in _read(pid, "cmdline")]


def shim_of(pid: int) -> int:
    """The containerd-shim, which is the parent of a container's first process and forwards signals to it."""
    lines = _read(pid, "status").splitlines()
    return int(next(line for line in lines if line.startswith("PPid:")).split()[1])


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Stops the processes with SIGSTOP; continues those that still exist when the context ends."""
    _signal_all(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_all(pids, signal.SIGCONT)


def _signal_all(pids: tuple[int, ...], number: int) -> None:
    for pid in pids:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, number)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_in(pid: int, pod_uid: str) -> bool:
    return f"pod{pod_uid}" in _read(pid, "cgroup")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""
