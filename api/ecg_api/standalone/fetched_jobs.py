"""The jobs whose media lies on the disk, in the order in which workers take them."""

import asyncio
from datetime import datetime
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
        """A transcription before every video, then by priority, then the one that was posted first."""
        if not self._waiting:
            return None
        first = min(self._waiting, key=lambda entry: _place(entry.job))
        self._waiting.remove(first)
        first.taken.set()
        return first.job


def _place(job: JobRecord) -> tuple[bool, int, datetime]:
    return not job.is_transcription, -job.priority, job.submitted_at
