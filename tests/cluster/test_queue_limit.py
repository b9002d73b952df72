"""QUEUE_LIMIT in a cluster: what would wait beyond it is answered 429, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from ecg_api.kubernetes.host import build_app
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.settings import Settings
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until_async
from support.cluster_jobs import VideoJobs
from support.host_contract import PATH, body
from support.played_kubelet import client


@pytest.fixture
async def api(
    cluster: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    app = await build_app(Settings(), KubernetesSettings(namespace=namespace, queue_limit=3))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t", timeout=60) as client_,
    ):
        yield client_


def _begin(cluster: ControlPlane, namespace: str, name: str) -> None:
    """Start the job's pod as the operator records it."""
    now = "2026-01-01T00:00:00Z"
    attempt = {"number": 1, "run": 1, "profile": "gpu", "pendingSince": now, "jobName": "x", "startTime": now}
    path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs/{name}/status"
    with client(cluster) as admin:
        headers = {"content-type": "application/merge-patch+json"}
        status = {"status": {"run": 1, "attempt": attempt}}
        admin.patch(path, json=status, headers=headers).raise_for_status()


async def test_a_burst_is_accepted_up_to_the_limit_and_nothing_accepted_is_lost(
    api: httpx.AsyncClient, videojobs: VideoJobs
) -> None:
    answers = [await api.post(PATH, json=body(f"j{number}")) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert answers[-1].json()["detail"] == "too many jobs are waiting; try again later"
    assert {v["metadata"]["name"] for v in videojobs.all()} == {"j0", "j1", "j2"}


async def test_a_request_that_is_repeated_gets_its_answer_from_a_full_queue(
    api: httpx.AsyncClient, videojobs: VideoJobs
) -> None:
    await asyncio.gather(*(api.post(PATH, json=body(f"j{number}")) for number in range(3)))
    assert (await api.post(PATH, json=body("j0"))).status_code == 200
    assert (await api.post(PATH, json=body("j0", language="ko"))).status_code == 409
    assert (await api.post(PATH, json=body("new"))).status_code == 429


async def test_a_job_that_begins_makes_room_for_another(
    api: httpx.AsyncClient, cluster: ControlPlane, namespace: str, videojobs: VideoJobs
) -> None:
    for number in range(3):
        await api.post(PATH, json=body(f"j{number}"))
    assert (await api.post(PATH, json=body("new"))).status_code == 429
    _begin(cluster, namespace, "j0")

    async def accepted() -> bool:
        return (await api.post(PATH, json=body("new"))).status_code == 200

    await wait_until_async(accepted, 10)
    assert videojobs.exists("new")


async def test_jobs_that_wait_already_are_counted_at_the_start(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, api: httpx.AsyncClient
) -> None:
    for number in range(3):
        videojobs.create(f"old{number}")

    async def refused() -> bool:
        return (await api.post(PATH, json=body("old0"))).status_code == 409 and (
            await api.post(PATH, json=body("new"))
        ).status_code == 429

    await wait_until_async(refused, 10)
