"""A job's status as server-sent events (WHATWG HTML, 9.2), until the job is final or removed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

from ecg_api.jobs.status import status_of
from ecg_api.ports import JobView
from ecg_common.clock import Clock

HEARTBEAT_S = 15.0
_HEARTBEAT = ": heartbeat\n\n"
_REMOVED = "event: removed\ndata: {}\n\n"


async def events_of(
    job: AsyncIterator[JobView], clock: Clock, last_id: str | None, stop: asyncio.Event
) -> AsyncIterator[str]:
    """An event `status` for each change that a client sees, or `removed`. Ends with `stop`, too: the client reconnects.

    An event's id is a digest of its status, so that a client which sends it as `Last-Event-ID` is not told again what
    it knows.
    """
    is_final = False
    stopped = asyncio.ensure_future(stop.wait())
    awaited = asyncio.ensure_future(_next(job))
    try:
        while not is_final:
            while not awaited.done():
                await asyncio.wait({awaited, stopped}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
                if stopped.done():
                    return
                if not awaited.done():
                    yield _HEARTBEAT
            view = awaited.result()
            if view is None:
                yield _REMOVED
                return
            is_final = view.state.is_final
            event_id, text = _event(view, clock)
            if event_id != last_id:
                last_id = event_id
                yield text
            if not is_final:
                awaited = asyncio.ensure_future(_next(job))
    finally:
        awaited.cancel()
        stopped.cancel()


async def _next(following: AsyncIterator[JobView]) -> JobView | None:
    return await anext(following, None)


def _event(view: JobView, clock: Clock) -> tuple[str, str]:
    status = status_of(view, clock())
    known = status.model_dump_json(exclude={"processing_time", "eta", "eta_seconds"})  # they change with the time alone
    event_id = hashlib.sha256(known.encode()).hexdigest()[:16]
    return event_id, f"id: {event_id}\nevent: status\ndata: {status.model_dump_json()}\n\n"
