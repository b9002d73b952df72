"""A deliverer, and a second backend for it."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from ecg_callbacks import schedule
from support.deliverer_host import DelivererHost, RunningClock
from support.receiver import Receiver


@pytest.fixture
def other() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def host() -> AsyncIterator[DelivererHost]:
    made = DelivererHost()
    yield made
    await made.stop()
    await made.sender.aclose()


@pytest.fixture
async def live(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DelivererHost]:
    """With a clock that runs, and half a second for the progress that a job has left at its end."""
    monkeypatch.setattr(schedule, "CATCH_UP", timedelta(seconds=0.5))
    host = DelivererHost(RunningClock())
    yield host
    await host.stop()
    await host.sender.aclose()
