"""The real pipeline process with the demo models, driven as a host drives it."""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ecg_contract.host_protocol import PipelineJob, Report

ROOT = Path(__file__).parents[2]
END = object()


def demo_environment(**more: str) -> dict[str, str]:
    """This process's environment with demo/demo.env and `more` on top."""
    lines = (ROOT / "demo/demo.env").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {**os.environ, **{name: value for name, _, value in pairs}, **more}


def make_job(media: Path | str, result: Path, **fields: Any) -> PipelineJob:
    """A job on a local file, or on a URL."""
    source = {"path": str(media)} if isinstance(media, Path) else {"url": media}
    values = {"job_id": f"job-{time.monotonic_ns()}", "max_workers": 2, **fields}
    return PipelineJob.model_validate({"source": source, "result_path": result, **values})


@dataclass(frozen=True)
class Outcome:
    """A finished job."""

    exit_code: int
    reports: list[Report]
    result: dict[str, Any] | None
    log: list[dict[str, Any]]

    @property
    def status(self) -> Any:
        return self.reports[-1].status

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == name]


class PipelineProcess:
    """`python -m ecg_pipeline --serve`; `close` ends it."""

    def __init__(self, environment: Mapping[str, str], *arguments: str) -> None:
        self._log_file = Path(tempfile.mkstemp(prefix="pipeline-", suffix=".log")[1])
        self.reports: queue.Queue[Any] = queue.Queue()
        self.raw: list[bytes] = []
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ecg_pipeline", *(arguments or ("--serve",))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                cwd=ROOT,
            )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def send(self, job: PipelineJob) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(job.to_json().encode() + b"\n")
        self.process.stdin.flush()

    def run(self, job: PipelineJob, timeout: float = 240) -> Outcome:
        """Send the job and wait for its end."""
        self.send(job)
        reports = self.until(lambda report: report.event == "finished" and report.job_id == job.job_id, timeout)
        own = [report for report in reports if report.job_id == job.job_id]
        result = json.loads(job.result_path.read_text()) if job.result_path.exists() else None
        log = [line for line in self.log_lines() if line.get("job_id") == job.job_id]
        return Outcome(int(own[-1].exit_code or 0), own, result, log)

    def until(self, is_last: Any, timeout: float = 120) -> list[Report]:
        """Reports up to the first for which `is_last` holds."""
        deadline, seen = time.monotonic() + timeout, []
        while True:
            report = self.reports.get(timeout=max(0.1, deadline - time.monotonic()))
            assert report is not END, f"the process ended: {self.log_text()[-3000:]}"
            seen.append(report)
            if is_last(report):
                return seen

    def log_text(self) -> str:
        return self._log_file.read_text(errors="replace")

    def log_lines(self) -> list[dict[str, Any]]:
        """The log lines that are JSON."""
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()  # it removes its temporary files
        self.process.wait(30)
        self._log_file.unlink(missing_ok=True)

    def _read(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            self.raw.append(line)
            self.reports.put(Report.model_validate_json(line))
        self.reports.put(END)
