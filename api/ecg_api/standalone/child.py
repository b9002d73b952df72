"""The pipeline process as the host sees it: jobs go in, reports come out, and it can be stopped within two seconds."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from pydantic import ValidationError

from ecg_contract.host_protocol import PipelineJob, Report

PIPELINE_COMMAND = (sys.executable, "-m", "ecg_pipeline", "--serve")
STOP_GRACE_S = 1.0
_LAST_LINES_S = 0.5
_LINE_LIMIT = 4 * 1024 * 1024
_log = logging.getLogger(__name__)


class Child:
    """A running pipeline process; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def send(self, job: PipelineJob) -> None:
        """Hand a job over; a process that is gone shows by its reports' end."""
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write(job.to_json().encode() + b"\n")
            await self._process.stdin.drain()

    async def next_report(self) -> Report | None:
        """The next report; None once the process has ended."""
        report = await self._reports.get()
        if report is None:
            self._reports.put_nowait(None)  # it stays ended
        return report

    async def exit_code(self) -> int:
        """As a shell gives it: 128 + signal. Waits for the end."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask it to end, then kill it and whatever it started."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self._signal(signal.SIGKILL)
        await self._process.wait()
        await asyncio.wait([self._reader], timeout=_LAST_LINES_S)
        self._reader.cancel()  # somebody outside the group may hold stdout open

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._next_line(self._process.stdout):
                self._take(line)
        finally:
            await self._process.wait()
            self._reports.put_nowait(None)

    async def _next_line(self, stdout: asyncio.StreamReader) -> bytes:
        while True:
            try:
                return await stdout.readline()
            except ValueError:  # longer than the limit, and thrown away by the stream
                _log.warning("pipeline_line_too_long", extra={"pid": self.pid})

    def _take(self, line: bytes) -> None:
        try:
            self._reports.put_nowait(Report.model_validate_json(line))
        except ValidationError:
            _log.warning("pipeline_line_not_understood", extra={"pid": self.pid, "bytes": len(line)})


class StartChild(Protocol):
    """Starts a pipeline process; `cpu` hides the GPUs from it."""

    async def __call__(self, *, cpu: bool = False) -> Child: ...


class ChildStarter:
    """Starts `command` in a process group of its own, so that a terminal's Ctrl-C reaches the host alone."""

    def __init__(self, command: Sequence[str] = PIPELINE_COMMAND, environment: Mapping[str, str] = os.environ) -> None:
        self._command = command
        self._environment = dict(environment)

    async def __call__(self, *, cpu: bool = False) -> Child:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment | ({"CUDA_VISIBLE_DEVICES": ""} if cpu else {}),
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
        return Child(process)
