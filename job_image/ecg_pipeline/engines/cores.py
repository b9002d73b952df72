"""The cores that this process may use, shared by everything that computes on the CPU.

A library that starts a thread per core is at its best alone. Two of them beside each other have more threads than there
are cores, wait for one another after every operation, and take longer than one after the other (decision 0080). So each
library computes in one thread, and each unit of its work, such as a batch of windows, is a task here.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
_CONTROL_GROUP = Path("/sys/fs/cgroup")


class Cores:
    """Runs the tasks of all engines, at most `count` at a time, in the order in which they come."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._workers = ThreadPoolExecutor(count, thread_name_prefix="core")

    def mapper(self, device: str) -> Callable[[Callable[[T], R], Iterable[T]], Iterator[R]]:
        """`map` for work on the CPU; on a GPU one item after the other."""
        return self.map if device == "cpu" else map

    def limit(self, count: int) -> None:
        """Use at most `count` cores for the tasks that begin from now on."""
        if count != self.count:
            old, self.count = self._workers, count
            self._workers = ThreadPoolExecutor(count, thread_name_prefix="core")
            old.shutdown(wait=False)

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The results in the order of `items`, of which only as many are taken as keep the cores busy.

        Raises what `work` raises, when no task runs any more that would use memory. Must not be called by a task, which
        would wait for itself.
        """
        rest = iter(items)
        running: deque[Future[R]] = deque()
        try:
            while True:
                while len(running) < 2 * self.count and (item := next(rest, self)) is not self:
                    running.append(self._workers.submit(work, item))  # type: ignore[arg-type]  # self ends the items
                if not running:
                    return
                yield running.popleft().result()
        finally:
            wait([task for task in running if not task.cancel()])


def available_cores(control_group: Path = _CONTROL_GROUP) -> int:
    """Whole cores that the scheduler and the control group's quota leave to this process, at least one."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(count, _quota(control_group))))


def _quota(control_group: Path) -> float:
    """The control group's CPU seconds a second, of version 2 or 1; infinite without a limit."""
    try:
        if (limit := control_group / "cpu.max").exists():
            quota, period = limit.read_text(encoding="ascii").split()
        else:
            quota, period = ((control_group / f"cpu/cpu.cfs_{what}_us").read_text() for what in ("quota", "period"))
        return int(quota) / int(period) if quota.strip() not in {"max", "-1"} else math.inf
    except (OSError, ValueError):
        return math.inf
