"""One pipeline process and the attempt that it works on."""

import logging
from dataclasses import dataclass

from ecg_api.errors import StoreUnavailableError
from ecg_api.standalone.attempt import Attempt, Cancelled, Limits, memory_kills, unless_cancelled
from ecg_api.standalone.running_jobs import RunningJobs
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.run_queue import AttemptKey, RunQueue, key_of
from ecg_api.standalone.warm_child import WarmChild
from ecg_common.logs import JobLogger, job_logger
from ecg_contract.attempt_outcome import AttemptEnd, Cause
from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import Device, PipelineJob, PipelineStatus, continued

_REUSABLE_AFTER = (
    ExitCode.OK,
    ExitCode.DOWNLOAD,
    ExitCode.AUDIO_EXTRACTION,
    ExitCode.PROCESSING,
    ExitCode.MODEL_LOADING,
)
"""Exit codes of a job after which its process can take the next one."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """Works on one job at a time. Times are in seconds."""

    child: WarmChild
    queue: RunQueue
    running: RunningJobs
    deadline_s: float
    heartbeat_lost_s: float

    async def attempt(self, job: JobRecord, work: PipelineJob) -> AttemptEnd:
        """The end of the attempt at `work`, also after an unexpected error in the host.

        Raises Cancelled, after the process was stopped, when the job was cancelled or removed.
        """
        log = job_logger(__name__, job.job_id, job.traceparent, attempt=job.attempt)
        try:
            return await self._attempt(job, work, log)
        except Cancelled:
            log.info("attempt_cancelled")
            await self.child.drop()
            raise
        except Exception:
            log.exception("attempt_not_followed")
            await self.child.drop()
            return AttemptEnd(Cause.EXITED)

    async def _attempt(self, job: JobRecord, work: PipelineJob, log: JobLogger) -> AttemptEnd:
        left_s = max(0.0, self.deadline_s - job.worked_s)
        with self.running.in_hand(job) as cancelled:
            try:
                ready = self.child.ready(cpu=work.device is Device.CPU)
                child = await unless_cancelled(ready, cancelled, left_s)
            except TimeoutError:
                return AttemptEnd(Cause.DEADLINE)
            log.info("attempt_started", extra={"pid": child.pid, "run": job.run, "device": str(work.device)})
            attempt = Attempt(
                job=work,
                child=child,
                limits=Limits(self.heartbeat_lost_s, left_s),
                cancelled=cancelled,
                on_status=_Reports(self.queue, job).take,
                memory_kills=memory_kills,
            )
            end = await attempt.run()
        log.info("attempt_ended", extra={"cause": str(end.cause), "exit_code": end.exit_code})
        if end.cause is not Cause.EXITED or end.exit_code not in _REUSABLE_AFTER:
            await self.child.drop()
        return end


class _Reports:
    """Stores changed reports; a report that changes only the heartbeat is not written."""

    def __init__(self, queue: RunQueue, job: JobRecord) -> None:
        self._queue, self._before = queue, job.pipeline
        self._key: AttemptKey = key_of(job)
        self._last: PipelineStatus | None = None

    async def take(self, status: PipelineStatus) -> None:
        status = continued(self._before, status)
        report = status.model_copy(update={"heartbeat_time": None})
        if report == self._last:
            return
        try:
            await self._queue.report(self._key, status)
        except StoreUnavailableError as error:  # the next report includes this one
            _log.error("report_not_stored", extra={"job_id": self._key.job_id, "reason": str(error)})
        else:
            self._last = report
