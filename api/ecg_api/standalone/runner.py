"""Runs the queued jobs, one at a time, in a pipeline process that keeps its models loaded between jobs."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from ecg_api.errors import StoreUnavailableError
from ecg_api.standalone.attempt import Attempt, Cancelled, Limits, memory_kills, unless_cancelled
from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.run_queue import AttemptKey, RunQueue, key_of
from ecg_api.standalone.warm_child import WarmChild
from ecg_common.logs import JobLogger, job_logger
from ecg_contract.attempt_outcome import AttemptEnd, Cause, Complete, Decision, Fail, Retry, RetryPolicy, decide
from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import Device, PipelineJob, PipelineStatus
from ecg_contract.options import options_of

_PAUSE_S = 1.0
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
class RunnerSettings:
    """Limits in seconds, and the retry policy."""

    deadline_s: float
    heartbeat_lost_s: float
    policy: RetryPolicy


class Runner:
    """`run` ends when it is cancelled; the running job is then queued again, without counting the attempt."""

    def __init__(
        self, queue: RunQueue, files: JobFiles, changes: Changes, child: WarmChild, settings: RunnerSettings
    ) -> None:
        self._queue, self._files, self._child, self._settings = queue, files, child, settings
        self._woken = asyncio.Event()
        self._running: AttemptKey | None = None
        self._cancelled = asyncio.Event()
        self._check: asyncio.Future[None] | None = None
        changes.listen(self._on_change)

    async def run(self) -> None:
        try:
            while True:
                await self._next_job()
        finally:
            await asyncio.shield(self._child.drop())

    async def recover(self) -> None:
        """Queue again the jobs that were running when the host died; to be awaited before requests are served."""
        await self._queue.sweep_files()
        for job in await self._queue.interrupted():
            await self._conclude(job, AttemptEnd(Cause.INTERRUPTED))

    async def _next_job(self) -> None:
        """Run the next job, or wait for a change; after an error, pause."""
        try:
            if await self._queue.next_device() is Device.AUTO:  # a process without GPU is started for its job only
                await self._child.ready()
            self._woken.clear()
            job = await self._queue.claim()
            if job is None:
                await self._woken.wait()
            else:
                await self._run_job(job)
        except StoreUnavailableError as error:
            _log.error("store_unavailable", extra={"reason": str(error)})
            await asyncio.sleep(_PAUSE_S)
        except Exception:  # no other task runs the queued jobs
            _log.exception("runner_failed")
            await asyncio.sleep(_PAUSE_S)

    async def _run_job(self, job: JobRecord) -> None:
        log = job_logger(__name__, job.job_id, attempt=job.attempt)
        self._cancelled.clear()
        self._running = key_of(job)
        try:
            await self._conclude(job, await self._attempt_end(job, log))
        except Cancelled:
            log.info("attempt_cancelled")
            await self._child.drop()
            self._files.result_of(job).unlink(missing_ok=True)  # it may have been written since the job was removed
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(job, log))
            raise
        finally:
            self._running = None

    async def _attempt_end(self, job: JobRecord, log: JobLogger) -> AttemptEnd:
        """The end of the attempt, also after an unexpected error in the host."""
        try:
            return await self._attempt(job, log)
        except Cancelled:
            raise
        except Exception:
            log.exception("attempt_not_followed")
            await self._child.drop()
            return AttemptEnd(Cause.EXITED)

    async def _attempt(self, job: JobRecord, log: JobLogger) -> AttemptEnd:
        left_s = max(0.0, self._settings.deadline_s - job.worked_s)
        try:
            ready = self._child.ready(cpu=job.device is Device.CPU)
            child = await unless_cancelled(ready, self._cancelled, left_s)
        except TimeoutError:
            return AttemptEnd(Cause.DEADLINE)
        log.info("attempt_started", extra={"pid": child.pid, "run": job.run, "device": str(job.device)})
        attempt = Attempt(
            job=self._pipeline_job(job),
            child=child,
            limits=Limits(self._settings.heartbeat_lost_s, left_s),
            cancelled=self._cancelled,
            on_status=_Reports(self._queue, key_of(job)).take,
            memory_kills=memory_kills,
        )
        end = await attempt.run()
        log.info("attempt_ended", extra={"cause": str(end.cause), "exit_code": end.exit_code})
        if end.cause is not Cause.EXITED or end.exit_code not in _REUSABLE_AFTER:
            await self._child.drop()
        return end

    async def _conclude(self, job: JobRecord, end: AttemptEnd) -> None:
        decision = decide(end, job.counts, self._settings.policy)
        log = job_logger(__name__, job.job_id, attempt=job.attempt)
        await self._store_end(key_of(job), decision, log)
        event, details = _log_event(decision)
        log.info(event, extra=details)

    async def _store_end(self, key: AttemptKey, decision: Decision, log: JobLogger) -> None:
        """Retries while the store is unavailable, because no other task ends this job."""
        while True:
            try:
                return await self._queue.end(key, decision)
            except StoreUnavailableError as error:
                log.error("attempt_end_not_stored", extra={"reason": str(error)})
                await asyncio.sleep(_PAUSE_S)

    async def _put_back(self, job: JobRecord, log: JobLogger) -> None:
        await self._child.drop()
        try:
            await self._queue.put_back(key_of(job))
        except StoreUnavailableError as error:  # the next start finds it running and counts an interruption
            log.error("job_not_put_back", extra={"reason": str(error)})
        else:
            log.info("job_put_back")

    def _pipeline_job(self, job: JobRecord) -> PipelineJob:
        return PipelineJob(
            job_id=job.job_id,
            attempt=job.attempt,
            source=job.source,
            device=job.device,
            result_path=self._files.result_of(job),
            **options_of(job),
        )

    def _on_change(self, job_id: str) -> None:
        self._woken.set()
        if self._running is not None and self._running.job_id == job_id:
            self._check = asyncio.ensure_future(self._set_cancelled_if_removed(self._running))

    async def _set_cancelled_if_removed(self, key: AttemptKey) -> None:
        with suppress(StoreUnavailableError):  # checked again after the next report
            if await self._queue.current(key) is None and self._running == key:
                self._cancelled.set()


class _Reports:
    """Stores changed reports; a report that changes only the heartbeat is not written."""

    def __init__(self, queue: RunQueue, key: AttemptKey) -> None:
        self._queue, self._key = queue, key
        self._last: PipelineStatus | None = None

    async def take(self, status: PipelineStatus) -> None:
        report = status.model_copy(update={"heartbeat_time": None})
        if report == self._last:
            return
        try:
            await self._queue.report(self._key, status)
        except StoreUnavailableError as error:  # the next report includes this one
            _log.error("report_not_stored", extra={"job_id": self._key.job_id, "reason": str(error)})
        else:
            self._last = report


def _log_event(decision: Decision) -> tuple[str, dict[str, object]]:
    """The log event of a decision, and its fields."""
    match decision:
        case Complete(result):
            return "job_completed", {"segments": result.segments, "words": result.words}
        case Fail(error):
            return "job_failed", {"error_code": str(error.code), "error_message": error.message}
        case Retry(_, reason, device):
            return "job_will_be_tried_again", {"reason": reason, "device": str(device or "the same")}
        case _:
            return "attempt_fenced", {}
