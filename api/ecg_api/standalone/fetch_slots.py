"""Downloads the media of queued jobs, ahead of the analysis, in a fixed number of slots.

A slot is held from the claim of a job until a worker takes it, so a slow source occupies one slot and nothing else.
"""

import asyncio
import logging
import shutil
from collections.abc import Sequence

from ecg_api.errors import StoreUnavailableError
from ecg_api.standalone.attempt import Cancelled, unless_cancelled
from ecg_api.standalone.attempt_ends import PAUSE_S, AttemptEnds
from ecg_api.standalone.bell import Bell
from ecg_api.standalone.fetched_jobs import FetchedJobs
from ecg_api.standalone.lane import Lane
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.job_table import FirstStep
from ecg_api.standalone.storage.run_queue import RunQueue, key_of
from ecg_contract.attempt_outcome import AttemptEnd, Cause
from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import PipelineJob
from ecg_contract.options import options_of

_log = logging.getLogger(__name__)


class FetchSlots:
    """`run` ends when it is cancelled; the jobs in its hands are then queued again.

    With less than `room_bytes` free, one job's media is downloaded or analyzed at a time.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what fetching a job takes
        self,
        lanes: Sequence[Lane],
        queue: RunQueue,
        files: JobFiles,
        ends: AttemptEnds,
        fetched: FetchedJobs,
        bell: Bell,
        room_bytes: int,
    ) -> None:
        self._queue, self._files, self._ends, self._fetched, self._bell = queue, files, ends, fetched, bell
        self._room_bytes = room_bytes
        self._lanes = len(lanes)
        self._idle: asyncio.LifoQueue[Lane] = asyncio.LifoQueue()
        for lane in reversed(lanes):  # the one used last is taken first: its process runs
            self._idle.put_nowait(lane)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as held:
            while True:
                lane = await self._idle.get()
                try:
                    await lane.child.ready()
                    job = await self._next_job()
                except StoreUnavailableError as error:
                    _log.error("store_unavailable", extra={"reason": str(error)})
                    self._idle.put_nowait(lane)
                    await asyncio.sleep(PAUSE_S)
                else:
                    held.create_task(self._hold(lane, job))

    async def _next_job(self) -> JobRecord:
        while True:
            rung = self._bell.next_ring
            if self._has_room() and (job := await self._queue.claim(FirstStep.FETCH)) is not None:
                return job
            await rung.wait()

    def _has_room(self) -> bool:
        is_alone = self._idle.qsize() == self._lanes - 1 and self._fetched.is_empty
        return is_alone or shutil.disk_usage(self._files.data_dir).free >= self._room_bytes

    async def _hold(self, lane: Lane, job: JobRecord) -> None:
        """Fetch the job's media and wait until a worker has taken the job, or conclude the job."""
        try:
            end = await self._fetch(lane, job)
            if end is not None:
                await self._ends.conclude(job, end)
        except Cancelled:
            self._files.forget_fetched(job)  # it may have been put there since the job was removed
        except asyncio.CancelledError:
            await asyncio.shield(self._ends.put_back(job))
            raise
        except Exception:  # the other slots go on
            _log.exception("fetch_slot_failed")
            await self._ends.conclude(job, AttemptEnd(Cause.EXITED))
        finally:
            self._idle.put_nowait(lane)

    async def _fetch(self, lane: Lane, job: JobRecord) -> AttemptEnd | None:
        """None when a worker has taken the job. Raises Cancelled."""
        target = self._files.fetched_of(job)
        is_here = job.source.path is not None or target.exists()  # an upload, or what an earlier attempt had fetched
        if not is_here:
            work = PipelineJob(
                job_id=job.job_id, attempt=job.attempt, source=job.source, result_path=target, **options_of(job)
            )
            end = await lane.attempt(job, work)
            if end.cause is not Cause.EXITED or end.exit_code != ExitCode.OK or not target.exists():
                return end
        await self._queue.fetched(key_of(job))
        with lane.running.in_hand(job) as cancelled:
            await unless_cancelled(self._fetched.hand_over(job), cancelled)
        return None
