"""The store on VideoJobs under concurrent modifications, and with many waiting requests."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ecg_api.errors import StoreUnavailableError
from ecg_api.jobs.following import at_its_end
from ecg_api.kubernetes.host import build_app
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.kubernetes.store import VideoJobStore
from ecg_api.kubernetes.uploads import BucketUploads
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.ports import SubmitOutcome
from ecg_api.settings import Settings
from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.results import ClusterResults
from ecg_cluster.s3 import s3_client
from ecg_contract.host_protocol import Source
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.host_contract import PATH, body
from support.s3 import BUCKET, environment, moto
from support.status_hand import StatusHand
from support.store_hand import fifty, transcription
from support.submissions import submission

__all__ = ["moto"]

SIGNED = "https://media.example/v.mp4?X-Amz-Signature=canary"


@pytest.fixture
def store(connection: Cluster, namespace: str) -> VideoJobStore:
    return VideoJobStore(VideoJobClient(connection, connection, namespace), ClusterResults(connection, namespace))


@pytest.fixture
def hand(store: VideoJobStore, connection: Cluster, namespace: str) -> StatusHand:
    return StatusHand(store, connection, namespace)


class Overtaken(Cluster):
    """A client before whose first deletion another client acts."""

    def __init__(self, cluster: Cluster, act: Callable[[], Awaitable[object]]) -> None:
        super().__init__(cluster._client)
        self._act: Callable[[], Awaitable[object]] | None = act

    async def delete(self, path: str, **options: Any) -> None:
        act, self._act = self._act, None
        if act is not None:
            await act()
        await super().delete(path, **options)


def _source(videojobs: VideoJobs, name: str = "j") -> str:
    own = f"{name}-{videojobs.get(name)['metadata']['uid']}-source"
    secret = next(s for s in videojobs.objects("secrets") if s["metadata"]["name"] == own)
    return base64.b64decode(secret["data"]["url"]).decode()


async def test_a_job_that_runs_again_meanwhile_is_not_replaced(
    hand: StatusHand, connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    store = hand.store
    await store.submit(submission("j"))
    await hand.fail("j")
    overtaken = Overtaken(connection, lambda: store.submit(submission("j")))
    slow = VideoJobStore(VideoJobClient(overtaken, connection, namespace), ClusterResults(connection, namespace))
    uid = videojobs.get("j")["metadata"]["uid"]
    assert await slow.submit(submission("j", body_key="other")) is SubmitOutcome.CONFLICT
    again = videojobs.get("j")
    assert (again["metadata"]["uid"], again["spec"]["run"]) == (uid, 2)


async def test_fifty_who_ask_for_a_result_again_get_it_once(hand: StatusHand, videojobs: VideoJobs) -> None:
    await hand.store.submit(submission("j"))
    await hand.complete("j")
    assert await fifty(hand, submission("j")) == [SubmitOutcome.REDELIVERED] * 50
    assert videojobs.get("j")["spec"]["redelivery"] == 1


async def test_an_unsigned_url_replaces_no_signed_one(store: VideoJobStore, videojobs: VideoJobs) -> None:
    await store.submit(replace(submission("j"), source=Source(url=SIGNED)))
    assert await store.submit(submission("j")) is SubmitOutcome.SAME
    assert _source(videojobs) == SIGNED


async def test_a_failed_job_may_come_back_with_a_signature(hand: StatusHand, videojobs: VideoJobs) -> None:
    await hand.store.submit(submission("j"))
    await hand.fail("j")
    assert await hand.store.submit(replace(submission("j"), source=Source(url=SIGNED))) is SubmitOutcome.RERUN
    assert _source(videojobs) == SIGNED
    assert "url" not in videojobs.get("j")["spec"]["source"]


async def test_a_name_that_is_another_ids_is_a_conflict(hand: StatusHand, videojobs: VideoJobs) -> None:
    videojobs.create("j", jobId="another", requestDigest="key")
    assert await hand.store.get("j") is None
    assert not await hand.store.delete("j")
    for end in (hand.begin, hand.fail):
        assert await hand.store.submit(submission("j")) is SubmitOutcome.CONFLICT
        await end("j")
    assert await hand.store.submit(submission("j")) is SubmitOutcome.CONFLICT


async def test_a_job_on_its_way_out_is_not_the_same(
    store: VideoJobStore, connection: Cluster, namespace: str, videojobs: VideoJobs
) -> None:
    await store.submit(submission("j"))
    path = paths.videojobs(namespace, "j")
    await connection.patch(path, {"metadata": {"finalizers": ["example.com/held"]}})
    assert await store.delete("j")
    with pytest.raises(StoreUnavailableError):
        await store.submit(submission("j"))
    waiting = asyncio.create_task(store.submit(submission("j")))
    await connection.patch(path, {"metadata": {"finalizers": None}})
    assert await waiting is SubmitOutcome.CREATED


async def test_an_upload_is_read_under_the_secrets_url_and_named_nowhere_else(
    connection: Cluster, namespace: str, videojobs: VideoJobs, moto: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(moto).items():
        monkeypatch.setenv(name, value)
    uploads = BucketUploads(s3_client(), BUCKET, "ecg/")
    client = VideoJobClient(connection, connection, namespace)
    store = VideoJobStore(client, ClusterResults(connection, namespace), uploads)
    slot = await store.slot("회의.wav")
    slot.path.write_bytes(b"sound")
    await store.submit(transcription("t", Source(path=slot.path)))
    url = _source(videojobs, "t")
    assert f"/{BUCKET}/ecg/uploads/" in url
    async with httpx.AsyncClient(trust_env=False) as pipeline:
        assert (await pipeline.get(url)).content == b"sound"
    everything = json.dumps([videojobs.all(), videojobs.objects("events"), videojobs.objects("configmaps")])
    assert url.partition("X-Amz-Signature=")[2] not in everything
    assert not await asyncio.to_thread(slot.path.exists)


async def test_many_that_wait_hold_up_no_post(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    app = await build_app(Settings(transcribe_wait_s=60), KubernetesSettings(namespace=namespace))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t", timeout=60) as api,
    ):
        ask = {"video_url": "https://media.example/v.mp4"}
        asked = [asyncio.create_task(api.post("/transcribe", json=ask)) for _ in range(80)]
        await asyncio.to_thread(wait_until, lambda: len(videojobs.all()) == len(asked), 20)
        async with asyncio.timeout(5):
            assert (await api.post(PATH, json=body("video"))).status_code == 200
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def test_a_job_that_nobody_touches_is_waited_for_quietly(
    store: VideoJobStore, connection: Cluster, control_plane: ControlPlane
) -> None:
    await store.submit(submission("j"))
    control_plane.kill_api_server()
    control_plane.start_api_server()  # watches go on from no version that is older than it
    requests: list[str] = []
    connection.on_request = lambda _method, path: requests.append(path)
    view = await at_its_end(store, "j", 2)
    assert view is not None
    assert len(requests) < 6
