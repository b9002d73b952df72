"""The jobs whose media lies on the disk, in the order in which workers take them."""

import asyncio
from typing import NamedTuple

from ecg_api.standalone.bell import Bell
from ecg_api.standalone.storage.job_record import JobRecord


class _Waiting(NamedTuple):
    job: JobRecord
    taken: asyncio.Event


class FetchedJobs:
    """`bell` rings when a job was added."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._waiting: list[_Waiting] = []

    async def hand_over(self, job: JobRecord) -> None:
        """Returns when a worker has taken the job; cancelled before that, it takes the job back."""
        entry = _Waiting(job, asyncio.Event())
        self._waiting.append(entry)
        self._bell.ring()
        try:
            await entry.taken.wait()
        finally:
            if not entry.taken.is_set():
                self._waiting.remove(entry)

    def take(self) -> JobRecord | None:
        """The job of the highest priority, and among these the one that was posted first."""
        if not self._waiting:
            return None
        first = min(self._waiting, key=lambda entry: (-entry.job.priority, entry.job.submitted_at))
        self._waiting.remove(first)
        first.taken.set()
        return first.job
