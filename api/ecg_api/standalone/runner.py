"""Runs the queued jobs: downloads in slots of their own, and analyses in one or more pipeline processes.

queued -> FetchSlots -> FetchedJobs -> Worker -> completed
queued (a transcription, whose media was uploaded) -> Worker -> completed
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from ecg_api.standalone.attempt_ends import AttemptEnds
from ecg_api.standalone.bell import Bell
from ecg_api.standalone.fetch_slots import FetchSlots
from ecg_api.standalone.fetched_jobs import FetchedJobs
from ecg_api.standalone.lane import Lane
from ecg_api.standalone.running_jobs import RunningJobs
from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.run_queue import RunQueue
from ecg_api.standalone.warm_child import WarmChild
from ecg_api.standalone.worker import Worker
from ecg_contract.attempt_outcome import AttemptEnd, Cause, RetryPolicy


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Limits in seconds, and the retry policy."""

    deadline_s: float
    heartbeat_lost_s: float
    largest_video_bytes: int
    policy: RetryPolicy


@dataclass(frozen=True, slots=True)
class Processes:
    """The pipeline processes: those that download, and those that analyze."""

    fetch: Sequence[WarmChild]
    analyze: Sequence[WarmChild]

    def trouble(self) -> Sequence[str]:
        """The reasons, a sentence each, why jobs are not being worked on."""
        return tuple(dict.fromkeys(reason for child in (*self.analyze, *self.fetch) for reason in child.trouble()))

    async def drop(self) -> None:
        """Stop all, within two seconds."""
        await asyncio.gather(*(child.drop() for child in (*self.analyze, *self.fetch)))


class Runner:
    """`run` ends when it is cancelled; the running jobs are then queued again, without counting their attempts."""

    def __init__(
        self, queue: RunQueue, files: JobFiles, changes: Changes, processes: Processes, settings: RunnerSettings
    ) -> None:
        self._queue, self._processes = queue, processes
        self._ends = AttemptEnds(queue, settings.policy)
        bell, running = Bell(), RunningJobs(queue, changes)
        changes.listen(lambda _job_id: bell.ring())
        fetched = FetchedJobs(bell)

        def lane(child: WarmChild) -> Lane:
            return Lane(child, queue, running, settings.deadline_s, settings.heartbeat_lost_s)

        shared = (queue, files, self._ends, fetched, bell)
        slots = FetchSlots([lane(child) for child in processes.fetch], *shared, settings.largest_video_bytes)
        workers = [Worker(lane(child), *shared) for child in processes.analyze]
        self._tasks: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (slots.run, *(w.run for w in workers))

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for task in self._tasks:
                    tasks.create_task(task())
        finally:
            await asyncio.shield(self._processes.drop())

    async def recover(self) -> None:
        """Queue again the jobs that were running when the host died; to be awaited before requests are served.

        One whose media was only being downloaded cannot have been the reason, and loses no attempt.
        """
        await self._queue.sweep_files()
        for job in await self._queue.interrupted():
            if job.in_analysis:
                await self._ends.conclude(job, AttemptEnd(Cause.INTERRUPTED))
            else:
                await self._ends.put_back(job)
