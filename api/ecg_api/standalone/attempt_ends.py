"""Stores how attempts end: completed, failed, to be tried again, put back."""

import asyncio

from ecg_api.errors import StoreUnavailableError
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.run_queue import AttemptKey, RunQueue, key_of
from ecg_common.logs import JobLogger, job_logger
from ecg_contract.attempt_outcome import AttemptEnd, Complete, Decision, Fail, Retry, RetryPolicy, decide

PAUSE_S = 1.0
"""Before the store is asked again that was not available."""


class AttemptEnds:
    """No method raises StoreUnavailableError."""

    def __init__(self, queue: RunQueue, policy: RetryPolicy) -> None:
        self._queue, self._policy = queue, policy

    async def conclude(self, job: JobRecord, end: AttemptEnd) -> None:
        """Decide what becomes of the job, and store it."""
        decision = decide(end, job.counts, self._policy)
        log = job_logger(__name__, job.job_id, job.traceparent, attempt=job.attempt)
        await self._store(key_of(job), decision, log)
        event, details = _log_event(decision)
        log.info(event, extra=details)

    async def put_back(self, job: JobRecord) -> None:
        """Queue the job again; the attempt counts as no failure."""
        log = job_logger(__name__, job.job_id, job.traceparent, attempt=job.attempt)
        try:
            await self._queue.put_back(key_of(job))
        except StoreUnavailableError as error:  # the next start finds it running and counts an interruption
            log.error("job_not_put_back", extra={"reason": str(error)})
        else:
            log.info("job_put_back")

    async def _store(self, key: AttemptKey, decision: Decision, log: JobLogger) -> None:
        """Retries while the store is unavailable, because no other task ends this job."""
        while True:
            try:
                return await self._queue.end(key, decision)
            except StoreUnavailableError as error:
                log.error("attempt_end_not_stored", extra={"reason": str(error)})
                await asyncio.sleep(PAUSE_S)


def _log_event(decision: Decision) -> tuple[str, dict[str, object]]:
    """The log event of a decision, and its fields."""
    match decision:
        case Complete(result):
            return "job_completed", {"segments": result.segments, "words": result.words}
        case Fail(error):
            return "job_failed", {"error_code": str(error.code), "error_message": error.message}
        case Retry(_, outcome, device):
            return "job_will_be_tried_again", {"reason": outcome, "device": str(device or "the same")}
        case _:
            return "attempt_fenced", {}
