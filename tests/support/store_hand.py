"""A store and control over the work behind it, for the contract of every job store."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from ecg_api.errors import QueueFullError
from ecg_api.ports import JobKind, JobQuery, JobStore, JobView, Redelivery, Submission, SubmitOutcome, Uploads
from ecg_contract.delivery_record import CallbackTry
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError, Source
from support.submissions import submission
from support.wire_results import result_json

RESULT = result_json("안녕하세요")
BROKEN = PipelineError(code=ErrorCode.PROCESSING_ERROR, message="broken")
Outcome = Literal["delivered", "rejected", "undelivered"]


class Store(JobStore, Uploads, Redelivery, Protocol):
    """The ports that a store implements."""


class Hand(Protocol):
    """A store without jobs, and control over the work behind it."""

    @property
    def store(self) -> Store: ...

    async def begin(self, job_id: str) -> None:
        """Begin the job."""

    async def complete(self, job_id: str) -> None:
        """End the job with `RESULT`."""

    async def fail(self, job_id: str) -> None:
        """End the job with `BROKEN`."""

    async def settle(self, job_id: str, outcome: Outcome) -> None:
        """Settle the terminal callback of the job."""


def one_try(outcome: Outcome) -> CallbackTry:
    """Of the terminal callback of a failed job, as a deliverer records it."""
    error = None if outcome == "delivered" else "HTTP 500"
    return CallbackTry(time=datetime(2026, 1, 1, tzinfo=UTC), status="failed", error=error)


async def viewed(hand: Hand, job_id: str = "j") -> JobView:
    view = await hand.store.get(job_id)
    assert view is not None
    return view


async def is_accepted(hand: Hand, wanted: Submission) -> bool:
    try:
        return await hand.store.submit(wanted) is SubmitOutcome.CREATED
    except QueueFullError:
        return False


async def listed(hand: Hand, **conditions: Any) -> list[str]:
    """The ids of a page's jobs, sorted."""
    page = await hand.store.list_jobs(JobQuery(**conditions))
    return sorted(view.job_id for view in page.jobs)


async def fifty(hand: Hand, wanted: Submission) -> list[SubmitOutcome]:
    return sorted(await asyncio.gather(*(hand.store.submit(wanted) for _ in range(50))))


def transcription(job_id: str = "t", source: Source | None = None) -> Submission:
    given = submission(job_id, callback_base=None)
    return replace(given, kind=JobKind.TRANSCRIPTION, source=source or given.source)
