"""One job from its first report to its last: heartbeats while it is worked on, failures mapped to error codes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ecg_common.redact import redact_text
from ecg_contract.errors import AnalysisError, ErrorCode, ExitCode, FatalError
from ecg_contract.host_protocol import PipelineError, PipelineJob, PipelineStatus
from ecg_pipeline.analysis.fallbacks import gpu_memory_error, is_gpu_memory_error
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.ports import Reporter
from ecg_pipeline.process.logs import JobFields
from ecg_pipeline.settings import PipelineSettings

Work = Callable[[PipelineJob, ProgressReporter], PipelineStatus]
"""Does the job and returns its last status; what it raises fails the job."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OneJob:
    """Reports what becomes of jobs, whatever the work is."""

    settings: PipelineSettings
    reporter: Reporter
    job_fields: JobFields

    def run(self, job: PipelineJob, work: Work) -> ExitCode:
        """Failures are reported, not raised."""
        progress = ProgressReporter(job, self.reporter)
        with self.job_fields.running(job):
            with progress.heartbeats(self.settings.heartbeat_seconds, self.settings.progress_seconds):
                status, exit_code = _outcome(job, progress, work)
            self.reporter.finished(job.job_id, status, exit_code)
        return exit_code


def _outcome(job: PipelineJob, progress: ProgressReporter, work: Work) -> tuple[PipelineStatus, ExitCode]:
    try:
        return work(job, progress), ExitCode.OK
    except Exception as error:
        failure = _as_analysis_error(error)
        _log.error("job_failed", extra={"error_code": failure.code.value, "reason": failure.message})
        return progress.fail(PipelineError(code=failure.code, message=failure.message)), failure.exit_code


def _as_analysis_error(error: Exception) -> AnalysisError:
    if isinstance(error, AnalysisError):
        return error
    if is_gpu_memory_error(error):
        return gpu_memory_error(type(error).__name__)
    _log.error("unexpected_error", exc_info=error)
    reason = redact_text(f"{type(error).__name__}: {error}")
    return FatalError(ErrorCode.PROCESSING_ERROR, f"분석 중 오류가 발생했습니다: {reason}")
