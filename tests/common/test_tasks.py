"""The end of asyncio tasks."""

import asyncio
import contextlib
import gc
import logging

import pytest

from ecg_common.tasks import end_tasks


async def _fails_where_it_is_cancelled() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise RuntimeError("not ended in order")


async def _swallows_a_cancellation() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def test_all_have_ended_and_no_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    waiting, failed = asyncio.create_task(asyncio.Event().wait()), asyncio.create_task(_fails_where_it_is_cancelled())
    await asyncio.sleep(0)
    await end_tasks([waiting, failed])
    assert (waiting.cancelled(), failed.done()) == (True, True)
    with caplog.at_level(logging.ERROR, "asyncio"):
        del failed
        gc.collect()
    assert not caplog.records


async def test_one_that_goes_on_is_not_waited_for_after_the_limit() -> None:
    task = asyncio.create_task(_swallows_a_cancellation())
    await asyncio.sleep(0)
    await end_tasks([task], 0.01)
    assert not task.done()
    await end_tasks([task])
    assert task.cancelled()


async def test_none_is_ended_at_once() -> None:
    await end_tasks([])
