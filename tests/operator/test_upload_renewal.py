"""The upload URL of an attempt at work is signed again from time to time, and no other is."""

from datetime import timedelta
from typing import Any

import pytest

from ecg_operator.act.controller import sooner
from ecg_operator.act.upload_signer import RENEWAL_INTERVAL, UploadSigner
from ecg_operator.decide.reconcile import reconcile
from support.observations import NOW, World


class _Presigner:
    """Counts what was signed."""

    def __init__(self) -> None:
        self.signed: list[int] = []

    def location(self, videojob: Any) -> str:
        return "s3://bucket/key"

    async def put_url(self, videojob: Any) -> str:
        self.signed.append(videojob.status.attempt.number)
        return "https://bucket.example/key"


class _Cluster:
    """Takes every Secret."""

    async def create(self, path: str, manifest: dict[str, Any]) -> None:
        pass


@pytest.fixture
def world() -> World:
    world = World()
    world.run_pod()
    return world


def _signer(presigner: Any, now: list[Any]) -> UploadSigner:
    cluster: Any = _Cluster()
    return UploadSigner(cluster, "ns", presigner, lambda: now[0])


async def test_it_is_signed_again_every_ten_minutes(world: World) -> None:
    presigner, now = _Presigner(), [NOW]
    signer = _signer(presigner, now)
    assert await signer.renew(world.videojob) == RENEWAL_INTERVAL.total_seconds()
    assert presigner.signed == [1], "an operator that has just started does not know how old it is"
    now[0] += RENEWAL_INTERVAL - timedelta(seconds=1)
    assert sooner(60, await signer.renew(world.videojob)) == 1
    now[0] += timedelta(seconds=1)
    await signer.renew(world.videojob)
    assert presigner.signed == [1, 1]
    world.complete()
    now[0] += RENEWAL_INTERVAL
    assert sooner(5, await signer.renew(world.videojob)) == 5
    assert presigner.signed == [1, 1]


async def test_it_is_not_signed_twice_when_its_job_is_created() -> None:
    world, presigner = World(), _Presigner()
    world.carry_out(reconcile(world.observed(), world.settings, world.now))
    signer = _signer(presigner, [NOW])
    await signer.sign(world.videojob)
    await signer.renew(world.videojob)
    assert presigner.signed == [1]
