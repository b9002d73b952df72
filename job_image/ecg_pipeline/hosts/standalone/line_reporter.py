"""Reports as JSON lines on the process's stdout, which nothing else writes to."""

import threading
from collections.abc import Sequence
from typing import BinaryIO

from ecg_contract.host_protocol import PipelineStatus, Report


class LineReporter:
    """Thread-safe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def ready(self, missing: Sequence[str] = ()) -> None:
        self._write(Report(event="ready", missing=tuple(missing)))

    def models(self, missing: Sequence[str]) -> None:
        self._write(Report(event="models", missing=tuple(missing)))

    def report(self, job_id: str, status: PipelineStatus) -> None:
        self._write(Report(event="status", job_id=job_id, status=status))

    def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
        self._write(Report(event="finished", job_id=job_id, status=status, exit_code=exit_code))

    def _write(self, report: Report) -> None:
        with self._lock:
            self._stream.write(report.to_json().encode() + b"\n")
            self._stream.flush()
