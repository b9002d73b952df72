"""The upload URL of an attempt at work is signed anew from time to time, and no other is."""

from datetime import timedelta
from typing import Any

import pytest

from ecg_operator.act.controller import SIGNED_ANEW, Controller
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.cache import Cache
from support.observations import NOW, World, settings


class _Applier:
    """What the controller has done: the port to the API server and S3."""

    presigner = object()

    def __init__(self) -> None:
        self.renewed: list[int] = []

    async def renew_upload(self, videojob: Any) -> None:
        self.renewed.append(videojob.status.attempt.number)


@pytest.fixture
def world() -> World:
    world = World()
    world.run_pod()
    return world


async def test_it_is_signed_anew_every_ten_minutes(world: World) -> None:
    applier, now = _Applier(), [NOW]
    cluster: Any = None
    attending = Controller(
        Cache(lambda: now[0]),
        cluster,
        applier,  # type: ignore[arg-type]
        settings(),
        lambda: now[0],
        lambda: True,
    )
    assert await attending._signed_anew("job", world.videojob, None) == SIGNED_ANEW.total_seconds()
    assert applier.renewed == [1], "an operator that has just begun does not know how old it is"
    now[0] += SIGNED_ANEW - timedelta(seconds=1)
    assert await attending._signed_anew("job", world.videojob, 60) == 1
    now[0] += timedelta(seconds=1)
    await attending._signed_anew("job", world.videojob, None)
    assert applier.renewed == [1, 1]
    world.complete()
    now[0] += SIGNED_ANEW
    assert await attending._signed_anew("job", world.videojob, 5) == 5
    assert applier.renewed == [1, 1]


async def test_it_is_not_signed_twice_when_its_job_is_made() -> None:
    world, applier = World(), _Applier()
    world.carry_out(reconcile(world.observed(), world.settings, world.now))
    cluster: Any = None
    attending = Controller(
        Cache(lambda: NOW),
        cluster,
        applier,  # type: ignore[arg-type]
        settings(),
        lambda: NOW,
        lambda: True,
    )
    await attending._signed_anew("job", world.videojob, None)
    assert applier.renewed == []
