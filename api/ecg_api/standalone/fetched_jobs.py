"""The jobs whose media lies on the disk: those that wait for a worker, in their order, and those that one has taken."""

import asyncio
from datetime import datetime
from typing import NamedTuple

from ecg_api.standalone.bell import Bell
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.run_queue import AttemptKey, key_of


class _Waiting(NamedTuple):
    job: JobRecord
    taken: asyncio.Event


class FetchedJobs:
    """`bell` rings when a job was added, and when a worker is done with one."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._waiting: list[_Waiting] = []
        self._taken: set[AttemptKey] = set()

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._taken

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
        self._taken.add(key_of(first.job))
        first.taken.set()
        return first.job

    def done(self, job: JobRecord) -> None:
        """A worker's work on the job has ended; nothing happens for one that was not taken from here."""
        self._taken.discard(key_of(job))
        self._bell.ring()


def _place(job: JobRecord) -> tuple[bool, int, datetime]:
    return not job.is_transcription, -job.priority, job.submitted_at
