"""Analyzes jobs one at a time, in a pipeline process that keeps its models loaded between jobs."""

import asyncio
import logging

from ecg_api.errors import StoreUnavailableError
from ecg_api.standalone.attempt import Cancelled
from ecg_api.standalone.attempt_ends import PAUSE_S, AttemptEnds
from ecg_api.standalone.bell import Bell
from ecg_api.standalone.fetched_jobs import FetchedJobs
from ecg_api.standalone.lane import Lane
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.job_table import FirstStep
from ecg_api.standalone.storage.run_queue import RunQueue, key_of
from ecg_contract.host_protocol import Device, PipelineJob, Source
from ecg_contract.options import options_of

_log = logging.getLogger(__name__)


class Worker:
    """`run` ends when it is cancelled; the job in its hands is then queued again."""

    def __init__(  # noqa: PLR0913, PLR0917 - what analyzing a job takes
        self, lane: Lane, queue: RunQueue, files: JobFiles, ends: AttemptEnds, fetched: FetchedJobs, bell: Bell
    ) -> None:
        self._lane, self._queue, self._files, self._ends = lane, queue, files, ends
        self._fetched, self._bell = fetched, bell

    async def run(self) -> None:
        while True:
            try:
                if await self._queue.next_device() is Device.AUTO:  # a process without GPU is started for its job only
                    await self._lane.child.ready()
                await self._work_on(await self._next_job())
            except StoreUnavailableError as error:
                _log.error("store_unavailable", extra={"reason": str(error)})
                await asyncio.sleep(PAUSE_S)
            except Exception:  # no other task analyzes in this lane
                _log.exception("worker_failed")
                await asyncio.sleep(PAUSE_S)

    async def _next_job(self) -> JobRecord:
        """A transcription of an upload before every other job."""
        while True:
            rung = self._bell.next_ring
            job = await self._queue.claim(FirstStep.ANALYZE) or self._fetched.take()
            if job is not None:
                return job
            await rung.wait()

    async def _work_on(self, job: JobRecord) -> None:
        try:
            begun = await self._begun(job)
            if begun is not None:
                await self._ends.conclude(begun, await self._lane.attempt(begun, self._pipeline_job(begun)))
        except Cancelled:
            self._files.forget(job)  # the result may have been written since the job was removed
        except asyncio.CancelledError:
            await asyncio.shield(self._ends.put_back(job))
            raise
        finally:
            self._fetched.done(job)

    async def _begun(self, job: JobRecord) -> JobRecord | None:
        """The job with its analysis begun; None where it was cancelled or removed. Waits for the store."""
        while True:
            try:
                return await self._queue.begin_analysis(key_of(job))
            except StoreUnavailableError as error:
                _log.error("store_unavailable", extra={"reason": str(error)})
                await asyncio.sleep(PAUSE_S)

    def _pipeline_job(self, job: JobRecord) -> PipelineJob:
        return PipelineJob(
            job_id=job.job_id,
            attempt=job.attempt,
            source=Source(path=job.source.path or self._files.fetched_of(job)),
            device=job.device,
            fetch_seconds=job.fetch_s,
            result_path=self._files.result_of(job),
            **options_of(job),
        )
