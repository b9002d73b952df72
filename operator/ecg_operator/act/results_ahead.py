"""Reads a result while the operator writes that its job is completed; the last callback is sent after both."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from ecg_callbacks.body import KEPT_BYTES
from ecg_callbacks.ports import ResultSource
from ecg_callbacks.videojob_facts import facts_of
from ecg_common.tasks import end_tasks
from ecg_contract.host_protocol import ResultReference
from ecg_contract.videojob.resource import VideoJob, VideoJobStatus

_MOST = 32
"""Results held at a time; the oldest is given up, and read when its callback is sent."""


class ResultsAhead:
    """A `ResultSource` over another one."""

    def __init__(self, results: ResultSource) -> None:
        self._results = results
        self._reads: dict[ResultReference, asyncio.Task[Sequence[bytes] | None]] = {}

    def completes(self, videojob: VideoJob, status: VideoJobStatus) -> None:
        """Begin to read what a callback will contain, where `status` is the first in which the job is completed."""
        after = facts_of(videojob.model_copy(update={"status": status}))
        if after.result is not None and after.callback_base is not None and facts_of(videojob).result is None:
            self._begin(after.result)

    async def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        """What was read ahead, once; else what the other source has. Raises OSError where it cannot be read."""
        pieces = await self._taken(result)
        if pieces is None:
            async for piece in self._results.chunks(result):
                yield piece
        for piece in pieces or ():
            yield piece

    async def stop(self) -> None:
        """End the reads that go on: they belong to the run that ends."""
        reads = [*self._reads.values()]
        self._reads.clear()
        await end_tasks(reads)

    async def _taken(self, result: ResultReference) -> Sequence[bytes] | None:
        if (read := self._reads.get(result)) is None:
            return None
        await asyncio.wait([read])  # not `await read`: a read that was cancelled would cancel who waits for it
        self._reads.pop(result, None)  # only now: `stop` ends it also where who waits is cancelled
        return None if read.cancelled() else read.result()

    def _begin(self, result: ResultReference) -> None:
        if result.bytes > KEPT_BYTES or result in self._reads:
            return
        if len(self._reads) >= _MOST:
            self._reads.pop(next(iter(self._reads))).cancel()
        self._reads[result] = asyncio.get_running_loop().create_task(self._read(result))

    async def _read(self, result: ResultReference) -> Sequence[bytes] | None:
        """None where it cannot be read: the callback's own try then says why."""
        with contextlib.suppress(OSError):
            return [piece async for piece in self._results.chunks(result)]
        return None
