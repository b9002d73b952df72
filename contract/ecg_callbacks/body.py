"""A callback's body: the specification's seven fields, with the stored result inserted byte for byte.

The result is read in pieces, once to check and sign it and, where it is long, once more to send it; a long one is never
in memory as a whole.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from ecg_callbacks.ports import ResultSource
from ecg_callbacks.stored_result import verified_result
from ecg_callbacks.types import Due, JobFacts
from ecg_common.verified import ResultDamagedError
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import ResultReference
from ecg_contract.wire.models import CallbackPayload

_PIECE = 64 * 1024
KEPT_BYTES = 1024 * 1024
"""A result up to this length is held in memory instead of being fetched twice."""


class FileResults:
    """Results whose `location` is a path on this machine."""

    async def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        # Blocking reads: 64 KiB from the page cache take less time than a change of threads.
        with Path(result.location).open("rb") as file:  # noqa: ASYNC230 -- see above
            while piece := file.read(_PIECE):
                yield piece
                await asyncio.sleep(0)  # lets other tasks run between the pieces of a large result


class CallbackBody:
    """One callback's body as bytes of a known length."""

    def __init__(self, due: Due, facts: JobFacts, results: ResultSource) -> None:
        """Raises ResultDamagedError where a completed job has no result."""
        self._results = results
        self._result = facts.result if due.status == "completed" else None
        if due.status == "completed" and self._result is None:
            raise ResultDamagedError("the completed job has no stored result")
        self._kept: list[bytes] | None = None
        """A short result, once it has been checked, so that it is not fetched twice."""
        self._head, self._tail = _around(due, facts, with_result=self._result is not None)

    @property
    def length(self) -> int:
        return len(self._head) + (self._result.bytes if self._result else 0) + len(self._tail)

    async def check(self, update: Callable[[bytes], object]) -> None:
        """Pass the whole body through `update`, in order. Raises ResultDamagedError."""
        update(self._head)
        if self._result is not None:
            await self._check_result(self._result, update)
        update(self._tail)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, for sending."""
        yield self._head
        for piece in self._kept or ():
            yield piece
        if self._result is not None and self._kept is None:
            async for piece in self._results.chunks(self._result):
                yield piece
        yield self._tail

    async def _check_result(self, result: ResultReference, update: Callable[[bytes], object]) -> None:
        kept: list[bytes] | None = [] if result.bytes <= KEPT_BYTES else None
        try:
            async for piece in verified_result(self._results, result):
                update(piece)
                if kept is not None:
                    kept.append(piece)
        except ResultDamagedError:
            raise
        except OSError as error:
            raise ResultDamagedError(f"the stored result cannot be read ({type(error).__name__})") from error
        self._kept = kept


def _around(due: Due, facts: JobFacts, *, with_result: bool) -> tuple[bytes, bytes]:
    """The JSON before and after the result."""
    failed = due.status == "failed"
    payload = CallbackPayload(
        job_id=facts.job_id,
        status=due.status,
        progress=due.progress,
        message=due.message,
        error_message=(facts.error_message or "") if failed else None,
        error_code=(facts.error_code or ErrorCode.PROCESSING_ERROR) if failed else None,
    )
    text = payload.model_dump_json(exclude_none=True).encode()
    return (text[:-1] + b',"result":', b"}") if with_result else (text, b"")
