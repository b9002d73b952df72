"""Reports as JSON lines on the process's stdout, which nothing else writes to."""

import threading
from typing import BinaryIO

from ecg_contract.host_protocol import PipelineStatus, Report


class LineReporter:
    """Thread-safe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def ready(self) -> None:
        self._write(Report(event="ready"))

    def report(self, job_id: str, status: PipelineStatus) -> None:
        self._write(Report(event="status", job_id=job_id, status=status))

    def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
        self._write(Report(event="finished", job_id=job_id, status=status, exit_code=exit_code))

    def _write(self, report: Report) -> None:
        with self._lock:
            self._stream.write(report.to_json().encode() + b"\n")
            self._stream.flush()
