"""The upload URL of an attempt at work is signed again from time to time, and no other is."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ecg_operator.act.controller import sooner
from ecg_operator.act.upload_signer import RENEWAL_INTERVAL, UploadSigner
from ecg_operator.decide.reconcile import reconcile
from support.observations import NOW, World, settings


class _S3:
    """Records what was signed: the end of each key."""

    def __init__(self) -> None:
        self.signed: list[str] = []

    def generate_presigned_url(self, method: str, *, Params: dict[str, str], ExpiresIn: int) -> str:  # noqa: N803
        self.signed.append(Params["Key"].rpartition("/")[2])
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


def _signer(s3: _S3, now: list[datetime]) -> UploadSigner:
    cluster: Any = _Cluster()
    return UploadSigner(cluster, settings(results_bucket="results"), s3, lambda: now[0])


async def test_it_is_signed_again_every_ten_minutes(world: World) -> None:
    s3, now = _S3(), [NOW]
    signer = _signer(s3, now)
    assert await signer.renew(world.videojob) == RENEWAL_INTERVAL.total_seconds()
    assert s3.signed == ["a1.json"], "an operator that has just started does not know how old it is"
    now[0] += RENEWAL_INTERVAL - timedelta(seconds=1)
    assert sooner(60, await signer.renew(world.videojob)) == 1
    now[0] += timedelta(seconds=1)
    await signer.renew(world.videojob)
    assert s3.signed == ["a1.json", "a1.json"]
    world.complete()
    now[0] += RENEWAL_INTERVAL
    assert sooner(5, await signer.renew(world.videojob)) == 5
    assert s3.signed == ["a1.json", "a1.json"]


async def test_it_is_not_signed_twice_when_its_job_is_created() -> None:
    world, s3 = World(), _S3()
    world.carry_out(reconcile(world.observed(), world.settings, world.now))
    signer = _signer(s3, [NOW])
    await signer.sign(world.videojob)
    await signer.renew(world.videojob)
    assert s3.signed == ["a1.json"]
