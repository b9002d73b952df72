"""Follows one attempt in a pipeline process: reports, heartbeat, deadline, cancellation."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ecg_api.standalone.child import Child
from ecg_callbacks.body import FileResults
from ecg_callbacks.stored_result import verified_result
from ecg_common.tasks import end_tasks
from ecg_contract.attempt_outcome import AttemptEnd, Cause
from ecg_contract.host_protocol import PipelineJob, PipelineStatus, Report, ResultReference

T = TypeVar("T")
_SIGKILL = 137


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds without a report after which the process counts as hung, and seconds of work left to the job."""

    silence_s: float
    deadline_s: float


class Cancelled(Exception):  # noqa: N818 - a request of the client, not an error
    """The job was cancelled or removed while it ran."""


async def unless_cancelled(work: Coroutine[Any, Any, T], cancelled: asyncio.Event, timeout_s: float | None = None) -> T:
    """The result of `work`. Raises Cancelled once `cancelled` is set, and TimeoutError; `work` has ended then."""
    tasks = asyncio.ensure_future(work), asyncio.ensure_future(cancelled.wait())
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1] in done:
            raise Cancelled
        if tasks[0] not in done:
            raise TimeoutError
        return tasks[0].result()
    finally:
        await end_tasks(tasks)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; `cancelled` is set when its job was cancelled or removed."""

    job: PipelineJob
    child: Child
    limits: Limits
    cancelled: asyncio.Event
    on_status: Callable[[PipelineStatus], Awaitable[None]]
    memory_kills: Callable[[], int]
    """Number of processes that the kernel has killed for memory so far."""

    async def run(self) -> AttemptEnd:
        """Send the job and return the end of the attempt; the process may still be alive then. Raises Cancelled."""
        kills_before = self.memory_kills()
        await self.child.send(self.job)
        try:
            async with asyncio.timeout(self.limits.deadline_s):
                return await self._follow(kills_before)
        except TimeoutError:
            return AttemptEnd(Cause.DEADLINE)

    async def _follow(self, kills_before: int) -> AttemptEnd:
        while True:
            try:
                report = await self._next_report()
            except TimeoutError:
                return AttemptEnd(Cause.LOST)
            if report is None:
                return self._end_of_process(await self.child.exit_code(), kills_before)
            if not self._is_of_this_attempt(report):
                continue
            if report.status is not None:
                await self.on_status(report.status)
            if report.event == "finished":
                return await self._end_of_job(report)

    async def _next_report(self) -> Report | None:
        """Raises Cancelled, and TimeoutError after `silence_s` without a report."""
        return await unless_cancelled(self.child.next_report(), self.cancelled, self.limits.silence_s)

    def _is_of_this_attempt(self, report: Report) -> bool:
        is_same_attempt = report.status is None or report.status.attempt == self.job.attempt
        return report.job_id == self.job.job_id and is_same_attempt

    def _end_of_process(self, exit_code: int, kills_before: int) -> AttemptEnd:
        if exit_code == _SIGKILL:
            killed_for_memory = self.memory_kills() > kills_before
            return AttemptEnd(Cause.OUT_OF_MEMORY if killed_for_memory else Cause.INTERRUPTED, exit_code)
        return AttemptEnd(Cause.EXITED, exit_code)

    async def _end_of_job(self, report: Report) -> AttemptEnd:
        status = report.status
        result = status.result if status else None
        if result is not None and not await _is_stored(result, self.job.result_path):
            result = None
        return AttemptEnd(Cause.EXITED, report.exit_code, result, status.error if status else None)


async def _is_stored(result: ResultReference, path: Path) -> bool:
    """Whether the result file is at `path`, has the reported digest, and is a result."""
    if Path(result.location) != path:
        return False
    try:
        async for _ in verified_result(FileResults(), result):
            pass
    except OSError:
        return False
    return True


def memory_kills() -> int:
    """The kernel's count of memory kills in this process's control group; 0 where it is not available."""
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return 0
    return max((_kills_in(_events_of(controllers, path)) for _, controllers, path in groups), default=0)


def _events_of(controllers: str, group: str) -> Path:
    """The file with the count, of cgroup v2, which names no controllers, or v1."""
    if controllers:
        return Path("/sys/fs/cgroup") / controllers / group.lstrip("/") / "memory.oom_control"
    return Path("/sys/fs/cgroup") / group.lstrip("/") / "memory.events"


def _kills_in(events: Path) -> int:
    try:
        lines = events.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
