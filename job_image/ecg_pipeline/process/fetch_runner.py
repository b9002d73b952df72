"""Fetches the media of jobs that another process analyzes, so that a slow source keeps no model waiting."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ecg_contract.host_protocol import PipelineJob, PipelineStatus
from ecg_contract.stages import Stage
from ecg_pipeline.analysis.load_media import fetch_media
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.process.one_job import OneJob


@dataclass(frozen=True)
class FetchRunner:
    """Puts each job's media at its `result_path`, which is on the disk of the temporary folder."""

    one_job: OneJob

    def warm_up(self) -> None:
        """Nothing: what a download needs is imported with the first."""

    def idle(self) -> None:
        """Nothing."""

    def run(self, job: PipelineJob) -> int:
        return int(self.one_job.run(job, self._fetch))

    def _fetch(self, job: PipelineJob, progress: ProgressReporter) -> PipelineStatus:
        progress.enter(Stage.DOWNLOAD)
        with tempfile.TemporaryDirectory(prefix="fetch-") as work:
            fetch_media(job.source, self.one_job.settings, progress, Path(work)).rename(job.result_path)
        return progress.status
