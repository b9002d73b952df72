"""Keeps one pipeline process ready: started before the first job, restarted after it has ended."""

import asyncio
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecg_api.standalone.child import Child, Mode, StartChild
from ecg_common.retry import exponential_backoff

_LONGEST_PAUSE_S = 60.0
_WRONG_SETTINGS = 2
"""The exit status of a process whose settings are wrong."""
_log = logging.getLogger(__name__)


@dataclass
class WarmChild:
    """At most one process at a time; `ready` gives it, `drop` ends it."""

    start: StartChild
    mode: Mode
    work: Path
    """Folder for the process's temporary files."""
    silence_s: float
    """Longest time in seconds until a process is ready."""
    missing: Sequence[str] = ()
    """What jobs lack, a sentence each, as the last process found that knew it; of the next one until it knows."""
    first_pause_s: float = 1.0
    """Seconds of pause after a process that ended before it was ready; doubled each time."""
    _child: Child | None = None
    _sees_gpu: bool = True
    _failed_starts: int = 0
    _refuses_settings: bool = False

    async def ready(self, *, cpu: bool = False) -> Child:
        """A process that accepts jobs; with `cpu`, one that sees no GPU. Retries until one has started."""
        if self._child is not None and (not self._child.is_alive or self._sees_gpu == cpu):
            await self.drop()
        while self._child is None:
            await self._try_to_start(cpu)
        return self._child

    async def drop(self) -> None:
        """Stop the process, within two seconds."""
        self._missing()
        child, self._child = self._child, None
        if child is not None:
            await child.stop()
            await asyncio.to_thread(shutil.rmtree, self.work, ignore_errors=True)

    def trouble(self) -> Sequence[str]:
        """The reasons, a sentence each, why jobs are not being worked on."""
        if not self._failed_starts:
            return self._missing()
        if self._refuses_settings:
            return ("the pipeline process refuses its settings: the log says which",)
        return (f"the pipeline process ended {self._failed_starts} times before it was ready: see the log",)

    def _missing(self) -> Sequence[str]:
        if self._child is not None and self._child.missing is not None:
            self.missing = self._child.missing
        return self.missing

    async def _try_to_start(self, cpu: bool) -> None:
        try:
            child = await self.start(self.mode, self.work, cpu=cpu)
        except OSError as error:  # out of memory or processes, which may pass
            await self._pause({"reason": str(error)})
            return
        try:
            became_ready = await self._becomes_ready(child)
        except BaseException:
            await asyncio.shield(child.stop())
            raise
        if became_ready:
            self._child, self._sees_gpu, self._failed_starts = child, not cpu, 0
            _log.info("pipeline_ready", extra={"pid": child.pid, "mode": self.mode.name.lower(), "cpu_only": cpu})
            return
        await child.stop()
        self._refuses_settings = (exit_code := await child.exit_code()) == _WRONG_SETTINGS
        await self._pause({"exit_code": exit_code})

    async def _pause(self, details: dict[str, object]) -> None:
        self._failed_starts += 1
        _log.error(
            "pipeline_did_not_start", extra={"mode": self.mode.name.lower(), **details, "times": self._failed_starts}
        )
        await asyncio.sleep(exponential_backoff(self._failed_starts, self.first_pause_s, _LONGEST_PAUSE_S))

    async def _becomes_ready(self, child: Child) -> bool:
        try:
            async with asyncio.timeout(self.silence_s):
                report = await child.next_report()
        except TimeoutError:
            return False
        return report is not None and report.event == "ready"
