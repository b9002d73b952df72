"""Runs jobs from stdin, one at a time, until its end."""

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import BinaryIO, Protocol

from pydantic import ValidationError

from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import PipelineJob
from ecg_pipeline.process.process_setup import EXIT_TERMINATED

_IDLE_S = 60.0
_log = logging.getLogger(__name__)


class Runner(Protocol):
    """Does the jobs of a process."""

    def warm_up(self) -> None:
        """Begin, in the background, what should be done before the first job."""
        ...

    def idle(self) -> None:
        """Called each minute without a job."""
        ...

    def run(self, job: PipelineJob) -> int:
        """Returns the job's exit code; failures are reported, not raised."""
        ...


def serve(runner: Runner, stdin: BinaryIO, ready: Callable[[], None]) -> int:
    """The process's exit code. Ends after a job that ran out of GPU memory: the process's GPU memory is fragmented."""
    busy = threading.Event()
    jobs = _read_ahead(stdin, busy)
    ready()
    runner.warm_up()
    while (line := _next(jobs, runner)) is not None:
        busy.set()
        if (job := _parsed(line)) is not None and runner.run(job) == ExitCode.GPU_MEMORY:
            return int(ExitCode.GPU_MEMORY)
        busy.clear()
    return int(ExitCode.OK)


def _next(jobs: "queue.Queue[bytes | None]", runner: Runner) -> bytes | None:
    while True:
        try:
            return jobs.get(timeout=_IDLE_S)
        except queue.Empty:
            runner.idle()


def _read_ahead(stdin: BinaryIO, busy: threading.Event) -> "queue.Queue[bytes | None]":
    """A queue of stdin's lines, then None. Exits the process when stdin ends during a job: the host is gone."""
    jobs: queue.Queue[bytes | None] = queue.Queue()

    def read() -> None:
        for line in stdin:
            if line.strip():
                jobs.put(line)
        if busy.is_set() or not jobs.empty():
            _log.error("host_gone")
            os._exit(EXIT_TERMINATED)
        jobs.put(None)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return jobs


def _parsed(line: bytes) -> PipelineJob | None:
    try:
        return PipelineJob.model_validate_json(line)
    except ValidationError as error:
        _log.error("job_line_refused", extra={"errors": error.error_count()})
        return None
