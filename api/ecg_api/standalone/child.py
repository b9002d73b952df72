"""The pipeline process: takes jobs on stdin, writes reports to stdout, stops within two seconds."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from ecg_contract.host_protocol import PipelineJob, Report

_COMMAND = (sys.executable, "-m", "ecg_pipeline")
STOP_GRACE_S = 1.0
_LAST_LINES_S = 0.5
_LINE_LIMIT = 4 * 1024 * 1024
_log = logging.getLogger(__name__)


class Child:
    """A running pipeline process; created by `ChildStarter`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.missing: Sequence[str] | None = None
        """What every job needs and the process could not load, a sentence each; None until that is known."""
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def send(self, job: PipelineJob) -> None:
        """Write a job to stdin. If the process has ended, `next_report` returns None."""
        assert self._process.stdin is not None
        with suppress(ConnectionError):
            self._process.stdin.write(job.to_json().encode() + b"\n")
            await self._process.stdin.drain()

    async def next_report(self) -> Report | None:
        """The next report; None once the process has ended."""
        report = await self._reports.get()
        if report is None:
            self._reports.put_nowait(None)  # for the next caller
        return report

    async def exit_code(self) -> int:
        """Wait for the end; the exit code as a shell gives it, 128 + signal."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Send SIGTERM, and after `grace_s` SIGKILL, to the process and its children."""
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
        self._reader.cancel()  # a process outside the group may hold stdout open

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while line := await self._read_line(self._process.stdout):
                self._parse(line)
        finally:
            await self._process.wait()
            self._reports.put_nowait(None)

    async def _read_line(self, stdout: asyncio.StreamReader) -> bytes:
        while True:
            try:
                return await stdout.readline()
            except ValueError:  # longer than the limit; the stream has discarded it
                _log.warning("pipeline_line_too_long", extra={"pid": self.pid})

    def _parse(self, line: bytes) -> None:
        try:
            report = Report.model_validate_json(line)
        except ValidationError:
            _log.warning("pipeline_line_not_understood", extra={"pid": self.pid, "bytes": len(line)})
            return
        if report.event == "models" or (report.event == "ready" and not report.missing):
            self.missing = report.missing
        if report.event != "models":
            self._reports.put_nowait(report)


class Mode(StrEnum):
    """What a pipeline process does with the jobs on its stdin."""

    ANALYZE = "--serve"
    FETCH = "--fetch"


class StartChild(Protocol):
    """Starts a pipeline process with a folder for temporary files; `cpu` hides the GPUs from it."""

    async def __call__(self, mode: Mode, work: Path, *, cpu: bool = False) -> Child: ...


class ChildStarter:
    """Starts the pipeline in its own process group, so that Ctrl-C in a terminal signals only the host.

    The processes hold the file descriptors `held`, too.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, held: Sequence[int] = ()) -> None:
        self._environment, self._held = dict(environment), held

    async def __call__(self, mode: Mode, work: Path, *, cpu: bool = False) -> Child:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            mode.value,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment_for(mode, work) | ({"CUDA_VISIBLE_DEVICES": ""} if cpu else {}),
            limit=_LINE_LIMIT,
            start_new_session=True,
            pass_fds=self._held,
        )
        return Child(process)

    def _environment_for(self, mode: Mode, work: Path) -> dict[str, str]:
        """Downloads lie where their files are renamed to; the analysis's folder may be another."""
        work_dir = {"WORK_DIR": str(work)}
        return {**self._environment, **work_dir} if mode is Mode.FETCH else {**work_dir, **self._environment}
