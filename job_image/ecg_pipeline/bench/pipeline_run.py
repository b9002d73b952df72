"""One cold run of the pipeline process, as `ecg analyze` starts it, with what it cost."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, Self, TypeVar

from ecg_contract.host_protocol import Device, PipelineJob, PipelineStatus, Report, Source
from ecg_pipeline.bench.request import BenchRequest

T = TypeVar("T")
PIPELINE = (sys.executable, "-m", "ecg_pipeline")
OnReport = Callable[[PipelineStatus], None]
_TAIL = 1500


class RunError(Exception):
    """A command failed; the message says how."""

    @classmethod
    def of(cls, command: str, code: int, log: str) -> Self:
        """With the end of what the command logged."""
        return cls(f"{command} ended with status {code}:\n{log[-_TAIL:]}")


class Cost(NamedTuple):
    """Time of one process in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class PipelineRun:
    """A run that ended well."""

    cost: Cost
    status: PipelineStatus
    result: Mapping[str, Any]
    chosen: Mapping[str, Any]
    """Device, number format of the Whisper model and cores, as the process chose them."""

    @property
    def processing_s(self) -> float:
        """Seconds of the analysis, imports and models included."""
        return self.status.result.processing_time if self.status.result else self.cost.wall


def run_pipeline(
    file: Path,
    request: BenchRequest,
    settings: Mapping[str, str] | None = None,
    on_report: OnReport = lambda _: None,
    program: Sequence[str] = PIPELINE,
) -> PipelineRun:
    """Analyze `file` with `settings` on top of the environment. Raises RunError."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, (Path(folder) / "log").open("w+") as log:
        job, job_file = _job(file, request, Path(folder)), Path(folder) / "job.json"
        job_file.write_text(job.to_json())
        environment = {**os.environ, **(settings or {}), "LOG_LEVEL": "INFO"}
        (code, status), cost = timed(lambda: _run([*program, "--job", str(job_file)], environment, log, on_report))
        log.seek(0)
        text = log.read()
        if code != 0 or status is None:
            raise _failure(code, status, text)
        return PipelineRun(cost, status, json.loads(job.result_path.read_text(encoding="utf-8")), _chosen(text))


def timed(work: Callable[[], T]) -> tuple[T, Cost]:
    """What `work` returns, and the cost of the process that it starts and waits for."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = work()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _run(
    command: list[str], environment: Mapping[str, str], log: IO[str], on_report: OnReport
) -> tuple[int, PipelineStatus | None]:
    """The exit status and the last status that was reported."""
    status = None
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as child:  # noqa: S603 - ours
        assert child.stdout is not None
        for line in child.stdout:
            status = Report.model_validate_json(line).status or status
            if status is not None:
                on_report(status)
    return child.returncode, status


def _job(file: Path, request: BenchRequest, folder: Path) -> PipelineJob:
    return PipelineJob(
        job_id="bench",
        source=Source(path=file.resolve()),
        language=request.language,
        emotion_detection=request.emotion,
        device=Device.CPU if request.cpu else Device.AUTO,
        max_workers=min(os.cpu_count() or 4, 64),
        result_path=folder / "result.json",
    )


def _failure(code: int, status: PipelineStatus | None, log: str) -> RunError:
    if status is not None and status.error is not None:
        return RunError(f"{status.error.code}: {status.error.message}")
    return RunError.of("the pipeline", code, log)


def _chosen(log: str) -> Mapping[str, Any]:
    lines = (json.loads(line) for line in log.splitlines() if line.startswith("{"))
    return next((line for line in lines if line.get("event") == "models_chosen"), {})
