"""Runs one job, from its first report to its last, and maps its failure to an error code."""

import hashlib
import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ecg_common.redact import redact_text
from ecg_contract.errors import AnalysisError, ErrorCode, ExitCode, FatalError
from ecg_contract.host_protocol import MAX_RESULT_BYTES, PipelineError, PipelineJob, PipelineStatus, ResultReference
from ecg_contract.result import AnalysisResult
from ecg_contract.wire.result import wire_json
from ecg_pipeline.analysis.fallbacks import gpu_memory_error, is_gpu_memory_error
from ecg_pipeline.analysis.models import JobModels, ModelCache
from ecg_pipeline.analysis.pipeline import analyze
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.ports import Engines, Reporter, ResultSink
from ecg_pipeline.process.logs import JobIdFilter
from ecg_pipeline.settings import PipelineSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobRunner:
    """Runs jobs one after another with the same models, reporter and sink."""

    settings: PipelineSettings
    engines: Engines
    reporter: Reporter
    sink: ResultSink
    job_id: JobIdFilter
    models: ModelCache = field(default_factory=ModelCache)

    def warm_up(self) -> None:
        """Begin to import the libraries in the background."""
        self.models.submit("libraries", None, self.engines.warm_up)

    def run(self, job: PipelineJob) -> int:
        """Returns the job's exit code; failures are reported, not raised."""
        progress = ProgressReporter(job, self.reporter)
        with self.job_id.running(job.job_id):
            _log.info("job_started", extra={"attempt": job.attempt})
            with progress.heartbeats(self.settings.heartbeat_seconds, self.settings.progress_seconds):
                status, exit_code = self._outcome(job, progress)
            self.reporter.finished(job.job_id, status, exit_code)
        return int(exit_code)

    def _outcome(self, job: PipelineJob, progress: ProgressReporter) -> tuple[PipelineStatus, ExitCode]:
        try:
            result = self._result(job, progress)
            status = progress.complete(result)
        except Exception as error:
            failure = _as_analysis_error(error)
            _log.error("job_failed", extra={"error_code": failure.code.value, "reason": failure.message})
            return progress.fail(PipelineError(code=failure.code, message=failure.message)), failure.exit_code
        _log.info("analysis_completed", extra={"result_bytes": result.bytes})
        return status, ExitCode.OK

    def _result(self, job: PipelineJob, progress: ProgressReporter) -> ResultReference:
        models = JobModels(self.engines, self.settings, self.models, job, progress.note, progress.model_download)
        Path(tempfile.gettempdir()).mkdir(parents=True, exist_ok=True)  # it may have been cleaned up since the start
        with tempfile.TemporaryDirectory(prefix="job-") as work:
            result = analyze(job, self.settings, models, progress, Path(work))
        data = wire_json(result)
        if len(data) > MAX_RESULT_BYTES:
            size = f"{len(data)} 바이트 (최대 {MAX_RESULT_BYTES})"
            message = f"분석 결과가 너무 큽니다: {size}. 영상을 나누어 요청해 주세요."
            raise FatalError(ErrorCode.PROCESSING_ERROR, message)
        return _reference(result, data, self.sink.store(job, data))


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


def _as_analysis_error(error: Exception) -> AnalysisError:
    if isinstance(error, AnalysisError):
        return error
    if is_gpu_memory_error(error):
        return gpu_memory_error(type(error).__name__)
    _log.error("unexpected_error", exc_info=error)
    reason = redact_text(f"{type(error).__name__}: {error}")
    return FatalError(ErrorCode.PROCESSING_ERROR, f"분석 중 오류가 발생했습니다: {reason}")
