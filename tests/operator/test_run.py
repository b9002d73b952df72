"""How one run of the operator ends: as it was told, or by a failure that is raised."""

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import kopf
import pytest

from ecg_operator.act.results_ahead import ResultsAhead
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.operator import Operator, RunCancelledError
from ecg_operator.settings import OperatorSettings
from support.observations import RESULT


class Forever:
    """A part of the run that has one task of its own, as the work queue and the deliverer have many."""

    async def run(self, *_: object) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait())

    keep = run


class Checked(Forever):
    """A check of the watches that passed."""

    async def run(self, *arguments: Any) -> None:
        passed = arguments[-1]
        passed()
        await super().run()


class PlayedKopf:
    """kopf's end after a failure: it cancels all tasks but the oldest, and takes a while over it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.fails = asyncio.Event(), asyncio.Event()
        self.stop: Any = None
        self.hung: list[Any] = []
        """Tasks that kopf would wait for after the stop."""
        monkeypatch.setattr(kopf, "spawn_tasks", self.spawn_tasks)
        monkeypatch.setattr(kopf, "run_tasks", self.run_tasks)

    async def spawn_tasks(self, *, stop_flag: asyncio.Event, **_: object) -> list[Any]:
        self.stop = stop_flag
        return []

    async def run_tasks(self, _tasks: object, *, ignored: set[Any]) -> None:
        self.began.set()
        ends = [asyncio.create_task(event.wait()) for event in (self.fails, self.stop)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.hung = [task for task in asyncio.all_tasks() - ignored - {*ends} if task is not asyncio.current_task()]
        for task in asyncio.all_tasks() - ignored:
            task.cancel()
        if self.fails.is_set():
            await asyncio.sleep(0.1)
            raise RuntimeError("410")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> PlayedKopf:
    return PlayedKopf(monkeypatch)


@pytest.fixture
def signals() -> list[bool]:
    """One entry for each time that the run took the signals."""
    return []


class Away:
    """Results on an API server that does not answer."""

    async def chunks(self, _: object) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


@pytest.fixture
def results() -> ResultsAhead:
    return ResultsAhead(Away())


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, signals: list[bool], results: ResultsAhead) -> Operator:
    async def watch_warnings(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("ecg_operator.operator.watch_warnings", watch_warnings)
    lease, counter = Forever(), SimpleNamespace(inc=lambda: None)
    lease.identity = "i"  # type: ignore[attr-defined]
    given: Any = SimpleNamespace(
        settings=OperatorSettings(namespace="n", pipeline_image="i"),
        lease=lease,
        cluster=None,
        metrics=SimpleNamespace(resyncs=counter),
        health=SimpleNamespace(in_sync=lambda: None),
        results=results,
    )
    cache = Cache(time.monotonic, JobQueue(0, lambda _: None))
    parts: Any = SimpleNamespace(
        watches=None,
        cache=cache,
        queue=Forever(),
        deliverer=Forever(),
        watch_check=Checked(),
        standby=Forever(),
        wake=lambda _name: None,
    )
    return Operator(given, parts, lambda: signals.append(True))


async def test_a_failure_of_kopf_is_raised_although_it_ends_the_workers_first(
    operator: Operator, played: PlayedKopf
) -> None:
    stop = asyncio.Event()
    run = asyncio.create_task(operator.run(stop))
    asyncio.get_running_loop().call_later(0.05, played.fails.set)
    with pytest.raises(RunCancelledError) as raised:
        await asyncio.wait_for(asyncio.shield(run), 10)
    assert str(raised.value.__cause__) == "410"
    assert not stop.is_set(), "the next run begins"


async def test_it_ends_when_it_is_told_to_and_took_the_signals_from_kopf(
    operator: Operator, played: PlayedKopf, signals: list[bool]
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    await asyncio.wait_for(operator.run(stop), 10)
    assert played.stop.is_set()
    assert signals == [True]


async def test_kopf_finds_no_read_that_it_would_wait_for(
    operator: Operator, played: PlayedKopf, results: ResultsAhead
) -> None:
    stop = asyncio.Event()
    run = asyncio.create_task(operator.run(stop))
    await played.began.wait()
    results._begin(RESULT)
    stop.set()
    await asyncio.wait_for(run, 10)
    assert played.stop.is_set()
    assert played.hung == []
