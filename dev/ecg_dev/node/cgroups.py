"""The control group that the node's pods live in."""

import contextlib
import os
from pathlib import Path

from ecg_dev.node.config import CGROUP
from ecg_dev.waiting import wait_until

_ROOT = Path("/sys/fs/cgroup")


def groups() -> list[Path]:
    """The pods' group in each hierarchy (one with cgroup v2, one per controller with v1), where it exists."""
    return [folder for folder in (_ROOT / CGROUP, *_ROOT.glob(f"*/{CGROUP}")) if folder.is_dir()]


def make_group() -> None:
    if (_ROOT / "cgroup.controllers").exists():
        (_ROOT / CGROUP).mkdir(exist_ok=True)
        return
    for hierarchy in _ROOT.iterdir():
        if (hierarchy / "cgroup.procs").exists():
            (hierarchy / CGROUP).mkdir(exist_ok=True)
            _inherit_cpus(hierarchy)


def _inherit_cpus(hierarchy: Path) -> None:
    """Copy the parent's CPUs and memory nodes: a new cpuset group has none and accepts no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / name).exists():
            (hierarchy / CGROUP / name).write_text((hierarchy / name).read_text())


def remove_group() -> None:
    """Waits, because a group stays busy briefly after its last process ended. Raises AssertionError after 20 s."""
    wait_until(_all_removed, 20, groups)


def _all_removed() -> bool:
    for group in groups():
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    return not groups()
