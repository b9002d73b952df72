"""A job's events: what ends them, and that they are told of while nothing happens."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ecg_api.http import job_events
from ecg_api.http.job_events import events_of
from ecg_api.ports import JobState, JobView
from ecg_contract.wire.status import CallbackView

CLOSED: list[bool] = []


def _view(state: JobState, attempt: int = 1) -> JobView:
    return JobView("j", state, attempt, None, None, None, None, CallbackView(state="pending"))


async def _following(views: "asyncio.Queue[JobView | None]") -> AsyncIterator[JobView]:
    """What is put into the queue, until None."""
    try:
        while (view := await views.get()) is not None:
            yield view
    finally:
        CLOSED.append(True)


class Stream:
    """The events of a job whose changes a test tells."""

    def __init__(self, last_id: str | None = None) -> None:
        CLOSED.clear()
        self.views: asyncio.Queue[JobView | None] = asyncio.Queue()
        self.stop = asyncio.Event()
        self.events: AsyncIterator[str] = events_of(
            _following(self.views), lambda: datetime.now(UTC), last_id, self.stop
        )

    async def next(self) -> str | None:
        return await asyncio.wait_for(anext(self.events, None), 5)


async def test_a_change_that_nobody_sees_is_no_event() -> None:
    stream = Stream()
    for view in (_view(JobState.RUNNING), _view(JobState.RUNNING), _view(JobState.RUNNING, attempt=2)):
        stream.views.put_nowait(view)
    assert '"attempt":1' in str(await stream.next())
    assert '"attempt":2' in str(await stream.next())


async def test_a_removed_job_is_told() -> None:
    stream = Stream()
    stream.views.put_nowait(None)
    assert await stream.next() == "event: removed\ndata: {}\n\n"
    assert await stream.next() is None


async def test_while_nothing_happens_there_are_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_events, "HEARTBEAT_S", 0.01)
    stream = Stream()
    assert await stream.next() == ": heartbeat\n\n"
    stream.views.put_nowait(_view(JobState.FAILED))
    found: Any = await stream.next()
    while found == ": heartbeat\n\n":
        found = await stream.next()
    assert '"status":"failed"' in found
    assert await stream.next() is None


async def test_a_server_that_stops_ends_the_stream() -> None:
    stream = Stream()
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0)
    stream.stop.set()
    assert await waiting is None
    await asyncio.sleep(0)
    assert CLOSED == [True], "nobody listens to the store any more"


async def test_a_client_that_leaves_ends_the_listening() -> None:
    stream = Stream()
    stream.views.put_nowait(_view(JobState.RUNNING))
    await stream.next()
    await stream.events.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert CLOSED == [True]
