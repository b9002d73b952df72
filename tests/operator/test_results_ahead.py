"""A result is read while its job's completion is written."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import pytest

from ecg_contract.host_protocol import ResultReference
from ecg_contract.stages import Stage
from ecg_contract.videojob.resource import VideoJob, VideoJobStatus
from ecg_contract.videojob.spec import VideoJobCallback
from ecg_operator.act.apply import Applier
from ecg_operator.act.results_ahead import ResultsAhead
from ecg_operator.decide.plan import Plan
from support.observations import RESULT, World

BACKEND = VideoJobCallback(base_url="https://backend.example")


class Stored:
    """Results in two pieces each; a read of them ends when `may_end` is set."""

    def __init__(self) -> None:
        self.reads: list[ResultReference] = []
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_end.set()
        self.error: OSError | None = None

    async def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        self.reads.append(result)
        self.begun.set()
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        yield b"{"
        yield b"}"


def completed(*, reported: bool = True, **spec: Any) -> tuple[VideoJob, VideoJobStatus]:
    """A VideoJob before its completion was written, and the status with it."""
    world = World(**({"callback": BACKEND} | spec))
    world.run_pod()
    before = world.videojob
    plan = world.complete() if reported else world.report(Stage.TRANSCRIPTION)
    report = before.status.model_copy(update={"pipeline": world.videojob.status.pipeline})
    return before.model_copy(update={"status": report}), plan.status


async def read(results: ResultsAhead, result: ResultReference = RESULT) -> list[bytes]:
    return [piece async for piece in results.chunks(result)]


@pytest.fixture
async def stored() -> Stored:
    return Stored()


async def test_it_is_read_before_it_is_asked_for_and_once(stored: Stored) -> None:
    results = ResultsAhead(stored)
    results.completes(*completed())
    await asyncio.sleep(0)
    assert stored.reads == [RESULT]
    assert await read(results) == [b"{", b"}"]
    assert stored.reads == [RESULT]


async def test_it_is_read_while_the_completion_is_written(stored: Stored) -> None:
    class Writer:
        async def write(self, videojob: VideoJob, status: VideoJobStatus) -> None:
            async with asyncio.timeout(5):
                await stored.begun.wait()

    videojob, status = completed()
    unused: Any = None
    parts: dict[str, Any] = {field.name: unused for field in fields(Applier)}
    applier = Applier(**parts | {"writer": Writer(), "results": ResultsAhead(stored)})
    assert (await applier.apply(videojob, Plan(status))).status == status


async def test_who_asks_sooner_waits_for_the_read_that_goes_on(stored: Stored) -> None:
    results = ResultsAhead(stored)
    stored.may_end.clear()
    results.completes(*completed())
    asked = asyncio.create_task(read(results))
    await asyncio.sleep(0)
    assert not asked.done()
    stored.may_end.set()
    assert await asked == [b"{", b"}"]
    assert stored.reads == [RESULT]


async def test_a_second_try_reads_it_again(stored: Stored) -> None:
    results = ResultsAhead(stored)
    results.completes(*completed())
    await read(results)
    assert await read(results) == [b"{", b"}"]
    assert stored.reads == [RESULT, RESULT]


async def test_an_error_while_reading_ahead_is_not_the_callback_s(stored: Stored) -> None:
    results = ResultsAhead(stored)
    stored.error = OSError("the API server is away")
    results.completes(*completed())
    await asyncio.sleep(0)
    stored.error = None
    assert await read(results) == [b"{", b"}"]


async def test_a_read_that_was_cancelled_does_not_cancel_the_callback(stored: Stored) -> None:
    """The oldest is cancelled where too many are held."""
    results = ResultsAhead(stored)
    stored.may_end.clear()
    before = asyncio.all_tasks()
    results.completes(*completed())
    for task in asyncio.all_tasks() - before:
        task.cancel()
    stored.may_end.set()
    assert await read(results) == [b"{", b"}"]


async def test_no_read_goes_on_after_the_run(stored: Stored) -> None:
    results, before = ResultsAhead(stored), asyncio.all_tasks()
    stored.may_end.clear()
    results.completes(*completed())
    await stored.begun.wait()
    await results.stop()
    assert asyncio.all_tasks() == before
    stored.may_end.set()
    assert await read(results) == [b"{", b"}"]


async def test_nor_one_that_a_cancelled_callback_waited_for(stored: Stored) -> None:
    results, before = ResultsAhead(stored), asyncio.all_tasks()
    stored.may_end.clear()
    results.completes(*completed())
    waiting = asyncio.create_task(read(results))
    await stored.begun.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    await results.stop()
    assert asyncio.all_tasks() == before


async def test_an_error_of_the_callback_s_own_read_is_raised(stored: Stored) -> None:
    stored.error = OSError("the result is gone")
    with pytest.raises(OSError, match="gone"):
        await read(ResultsAhead(stored))


@pytest.mark.parametrize("videojob", [{"reported": False}, {"callback": None}, {"interactive": True}], ids=str)
async def test_what_no_callback_will_contain_is_not_read(stored: Stored, videojob: dict[str, Any]) -> None:
    ResultsAhead(stored).completes(*completed(**videojob))
    await asyncio.sleep(0)
    assert stored.reads == []


async def test_a_completed_job_s_other_changes_read_nothing(stored: Stored) -> None:
    videojob, status = completed()
    ResultsAhead(stored).completes(videojob.model_copy(update={"status": status}), status)
    await asyncio.sleep(0)
    assert stored.reads == []


async def test_a_long_result_is_read_when_it_is_sent(stored: Stored) -> None:
    results = ResultsAhead(stored)
    results._begin(RESULT.model_copy(update={"bytes": 1024 * 1024 + 1}))
    await asyncio.sleep(0)
    assert stored.reads == []


async def test_of_many_the_oldest_is_given_up(stored: Stored) -> None:
    results = ResultsAhead(stored)
    many = [RESULT.model_copy(update={"location": f"configmaps:r{i}-:1"}) for i in range(40)]
    for each in many:
        results._begin(each)
    await asyncio.sleep(0)
    assert len(results._reads) == 32
    assert [await read(results, each) for each in many] == [[b"{", b"}"]] * 40
