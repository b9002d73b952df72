"""The attempts in hand, so that the work on a job that was cancelled or removed ends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ecg_api.errors import StoreUnavailableError
from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.job_record import JobRecord
from ecg_api.standalone.storage.run_queue import AttemptKey, RunQueue, key_of


class RunningJobs:
    """At most one attempt of a job is in hand at a time."""

    def __init__(self, queue: RunQueue, changes: Changes) -> None:
        self._queue = queue
        self._cancelled: dict[AttemptKey, asyncio.Event] = {}
        self._checks: set[asyncio.Future[None]] = set()
        changes.listen(self._on_change)

    @contextmanager
    def in_hand(self, job: JobRecord) -> Iterator[asyncio.Event]:
        """An event that is set when the job is cancelled or removed."""
        key, cancelled = key_of(job), asyncio.Event()
        self._cancelled[key] = cancelled
        try:
            yield cancelled
        finally:
            if self._cancelled.get(key) is cancelled:  # not where a worker has taken the job meanwhile
                del self._cancelled[key]

    def _on_change(self, job_id: str) -> None:
        for key in self._cancelled:
            if key.job_id == job_id:
                check = asyncio.ensure_future(self._set_if_over(key))
                self._checks.add(check)
                check.add_done_callback(self._checks.discard)

    async def _set_if_over(self, key: AttemptKey) -> None:
        with suppress(StoreUnavailableError):  # checked again after the next report
            if await self._queue.current(key) is None and key in self._cancelled:
                self._cancelled[key].set()
