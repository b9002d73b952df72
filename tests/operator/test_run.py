"""How one run of the operator ends: as it was told, or by a failure that is raised."""

import asyncio
import contextlib
import gc
import time
import weakref
from types import SimpleNamespace
from typing import Any

import kopf
import pytest

from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.observe.kopf_tasks import WatchesEndedError
from ecg_operator.operator import Operator, _spare_the_collector
from ecg_operator.settings import OperatorSettings


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
    """kopf with one root task, which fails when it is told to, and a watch that nobody ends then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.fails = asyncio.Event(), asyncio.Event()
        self.others_at_the_end: set[asyncio.Task[Any]] | None = None
        """Tasks that are younger than kopf's when it is ended."""
        self.left: list[asyncio.Task[Any]] = []
        monkeypatch.setattr(kopf, "spawn_tasks", self.spawn_tasks)
        monkeypatch.setattr("ecg_operator.observe.kopf_tasks._LIMIT_S", 0.1)

    async def spawn_tasks(self, **_: object) -> list[asyncio.Task[Any]]:
        older = asyncio.all_tasks()
        root = asyncio.create_task(self._root(older))
        self.left = [root, asyncio.create_task(_swallows_a_cancellation(), name="watcher for pods")]
        return [root]

    async def _root(self, older: set[asyncio.Task[Any]]) -> None:
        self.began.set()
        try:
            await self.fails.wait()
        except asyncio.CancelledError:
            self.others_at_the_end = {task for task in asyncio.all_tasks() - older if task not in self.left}
            raise
        raise RuntimeError("410")


async def _swallows_a_cancellation() -> None:
    """As kopf's watch does where its pause is cancelled at the same time."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> PlayedKopf:
    return PlayedKopf(monkeypatch)


@pytest.fixture
def signals() -> list[bool]:
    """One entry for each time that the run took the signals."""
    return []


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, signals: list[bool]) -> Operator:
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


async def test_a_failure_of_kopf_is_raised_at_once_and_nothing_of_it_goes_on(
    operator: Operator, played: PlayedKopf
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, played.fails.set)
    with pytest.raises(WatchesEndedError) as raised:
        await asyncio.wait_for(operator.run(stop), 10)
    assert str(raised.value.__cause__) == "410"
    assert not stop.is_set(), "the next run begins"
    assert all(task.done() for task in played.left)


async def test_it_ends_when_it_is_told_to_and_took_the_signals_from_kopf(
    operator: Operator, played: PlayedKopf, signals: list[bool]
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    await asyncio.wait_for(operator.run(stop), 10)
    assert all(task.done() for task in played.left)
    assert signals == [True]


async def test_kopf_is_ended_after_everything_else(operator: Operator, played: PlayedKopf) -> None:
    stop = asyncio.Event()
    run = asyncio.create_task(operator.run(stop))
    await played.began.wait()
    stop.set()
    await asyncio.wait_for(run, 10)
    assert played.others_at_the_end == set()


def test_what_an_earlier_run_left_in_memory_is_collected_when_the_next_is_in_sync() -> None:
    class Left:
        itself: "Left"

    left = Left()
    left.itself, seen = left, weakref.ref(left)
    _spare_the_collector()
    del left
    gc.collect()
    assert seen() is not None, "it was left out of collections"
    _spare_the_collector()
    assert seen() is None
    gc.unfreeze()
