"""Analyzes one job after another with the same models, and stores their results."""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ecg_contract.errors import ErrorCode, ExitCode, FatalError
from ecg_contract.host_protocol import MAX_RESULT_BYTES, PipelineJob, PipelineStatus, ResultReference
from ecg_contract.result import AnalysisResult
from ecg_contract.wire.result import wire_json
from ecg_pipeline.analysis.eager_models import EagerModels
from ecg_pipeline.analysis.model_cache import ModelCache
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.analysis.pipeline import analyze
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.memory import return_freed_memory
from ecg_pipeline.ports import Engines, Reporter, ResultSink
from ecg_pipeline.process.logs import JobFields
from ecg_pipeline.process.one_job import OneJob
from ecg_pipeline.settings import PipelineSettings

_log = logging.getLogger(__name__)


class JobRunner:
    """Runs jobs one after another with the same models, reporter and sink."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a process is made of
        self,
        settings: PipelineSettings,
        engines: Engines,
        reporter: Reporter,
        sink: ResultSink,
        job_fields: JobFields,
        on_models: Callable[[Sequence[str]], None] | None = None,
        models: ModelCache | None = None,
    ) -> None:
        """With `on_models`, which is called with the reasons why models are missing, they load before the first job;
        with `models`, those are there already."""
        self._settings, self._engines, self._sink = settings, engines, sink
        self._one_job = OneJob(settings, reporter, job_fields)
        self._models = models or ModelCache()
        self._eager = EagerModels(engines, settings, self._models, on_models) if on_models else None

    @property
    def missing_models(self) -> Sequence[str]:
        """The reasons why models are missing; empty where they are loaded with the first job."""
        return self._eager.missing if self._eager else ()

    def warm_up(self) -> None:
        """Begin to load, in the background, what jobs need."""
        if self._eager:
            self._eager.load()
        else:
            self._models.submit("libraries", None, self._engines.warm_up)

    def idle(self) -> None:
        """Try again to load models that are missing."""
        if self._eager and self._eager.missing:
            self._eager.load()

    def run(self, job: PipelineJob) -> int:
        """Returns the job's exit code; failures are reported, not raised."""
        exit_code = self._one_job.run(job, self._analyze)
        return_freed_memory()
        if exit_code == ExitCode.OK:
            self.idle()
        return int(exit_code)

    def _analyze(self, job: PipelineJob, progress: ProgressReporter) -> PipelineStatus:
        _log.info("job_started", extra={"attempt": job.attempt})
        result = self._result(job, progress)
        status = progress.complete(result)
        _log.info("analysis_completed", extra={"result_bytes": result.bytes})
        return status

    def _result(self, job: PipelineJob, progress: ProgressReporter) -> ResultReference:
        models = JobModels(self._engines, self._settings, self._models, job, progress.note, progress.model_download)
        Path(tempfile.gettempdir()).mkdir(parents=True, exist_ok=True)  # it may have been cleaned up since the start
        with tempfile.TemporaryDirectory(prefix="job-") as work:
            result = analyze(job, self._settings, models, progress, Path(work))
        data = wire_json(result)
        if len(data) > MAX_RESULT_BYTES:
            size = f"{len(data)} 바이트 (최대 {MAX_RESULT_BYTES})"
            message = f"분석 결과가 너무 큽니다: {size}. 영상을 나누어 요청해 주세요."
            raise FatalError(ErrorCode.PROCESSING_ERROR, message)
        return _reference(result, data, self._sink.store(job, data))


def _reference(result: AnalysisResult, data: bytes, location: str) -> ResultReference:
    return ResultReference(
        location=location,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        segments=len(result.segments),
        words=sum(len(segment.words) for segment in result.segments),
        speakers=len(result.speakers),
        language=result.language_detected,
        duration=result.duration,
        processing_time=result.processing_time,
    )
