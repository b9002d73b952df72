"""A pipeline process with engines that are played."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_contract.host_protocol import PipelineStatus
from ecg_pipeline.hosts.standalone.file_sink import FileSink
from ecg_pipeline.process.job_runner import JobRunner
from ecg_pipeline.process.logs import JobFields
from ecg_pipeline.settings import PipelineSettings
from support.fake_engines import FakeEngines, FakeReporter
from support.pipeline_process import make_job
from support.sounds import voice, write_wav

OUT_OF_MEMORY = RuntimeError("CUDA failed with error out of memory")


@dataclass
class Host:
    """Runs jobs of a second of voice; results go to `folder`."""

    folder: Path
    reporter: FakeReporter
    runner: JobRunner

    def run(self, **job: Any) -> tuple[int, PipelineStatus]:
        path = write_wav(self.folder / "sound.wav", voice(150, 1))
        code = self.runner.run(make_job(path, self.folder / "result.json", **job))
        return code, self.reporter.statuses[-1]

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return found


def host(folder: Path, engines: FakeEngines, reporter: FakeReporter | None = None, **settings: Any) -> Host:
    reporter = reporter or FakeReporter()
    runner = JobRunner(PipelineSettings(**settings), engines, reporter, FileSink(), JobFields())
    return Host(folder, reporter, runner)
