"""What is special to the store on VideoJobs: credentials, crashes, an unavailable API server."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ecg_api.kubernetes.host import build_app
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.kubernetes.videojob_client import VideoJobClient
from ecg_api.settings import Settings
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.host_contract import PATH, body
from support.played_kubelet import client

CANARY = "canary0123456789"
SIGNED = f"https://bucket.s3.amazonaws.com/v.mp4?X-Amz-Signature={CANARY}&X-Amz-Expires=900"


@pytest.fixture
async def api(
    cluster: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    app = await build_app(Settings(transcribe_wait_s=20), KubernetesSettings(namespace=namespace))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t", timeout=60) as client_,
    ):
        yield client_


def _end(cluster: ControlPlane, namespace: str, name: str, status: str, reason: str) -> None:
    """End a run as the operator does."""
    now = "2026-01-01T00:00:00Z"
    condition = {"type": "Succeeded", "status": status, "reason": reason, "message": "", "lastTransitionTime": now}
    with client(cluster) as admin:
        path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs/{name}"
        run = admin.get(path).json()["spec"]["run"]
        ended = {"run": run, "completionTime": now, "conditions": [condition], "phase": "Failed"}
        headers = {"content-type": "application/merge-patch+json"}
        admin.patch(f"{path}/status", json={"status": ended}, headers=headers).raise_for_status()


def _signature(videojobs: VideoJobs, name: str) -> str:
    own = f"{name}-{videojobs.get(name)['metadata']['uid']}-source"
    secret = next(s for s in videojobs.objects("secrets") if s["metadata"]["name"] == own)
    return base64.b64decode(secret["data"]["url"]).decode().partition("X-Amz-Signature=")[2].partition("&")[0]


async def test_fifty_at_once_make_one_videojob_and_one_secret(api: httpx.AsyncClient, videojobs: VideoJobs) -> None:
    answers = await asyncio.gather(*[api.post(PATH, json=body("one", video_url=SIGNED)) for _ in range(50)])
    assert {a.status_code for a in answers} == {200}
    assert [v["metadata"]["name"] for v in videojobs.all()] == ["one"]
    uid = videojobs.get("one")["metadata"]["uid"]
    assert [s["metadata"]["name"] for s in videojobs.objects("secrets")] == [f"one-{uid}-source"]


@pytest.mark.parametrize("url", [f"https://media.example/{'x' * 4000}.mp4", "https://media.example/회의&<1>.mp4"])
async def test_a_url_that_does_not_fit_into_the_videojob_stands_in_the_secret(
    api: httpx.AsyncClient, videojobs: VideoJobs, url: str
) -> None:
    assert (await api.post(PATH, json=body("wide", video_url=url))).status_code == 200
    assert "url" not in videojobs.get("wide")["spec"]["source"]
    (secret,) = videojobs.objects("secrets")
    assert base64.b64decode(secret["data"]["url"]).decode() == url


async def test_a_signature_stands_in_the_secret_alone(
    api: httpx.AsyncClient, videojobs: VideoJobs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await api.post(PATH, json=body("signed", video_url=SIGNED))).status_code == 200
    shown = (await api.get("/jobs/signed")).text
    everywhere = json.dumps([videojobs.all(), videojobs.objects("configmaps"), videojobs.objects("events")])
    assert CANARY not in everywhere + shown + caplog.text
    secret = videojobs.objects("secrets")[0]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == videojobs.get("signed")["metadata"]["uid"]
    assert _signature(videojobs, "signed") == CANARY


async def test_a_crash_before_the_secret_is_healed_by_the_next_post(
    api: httpx.AsyncClient, videojobs: VideoJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as crash:
        crash.setattr(VideoJobClient, "store_source", dies)
        with pytest.raises(asyncio.CancelledError):
            await api.post(PATH, json=body("half", video_url=SIGNED))
    assert not videojobs.objects("secrets")
    assert (await api.post(PATH, json=body("half", video_url=SIGNED))).status_code == 200
    assert _signature(videojobs, "half") == CANARY


async def test_a_failed_job_posted_again_has_its_signature_renewed_first(
    api: httpx.AsyncClient, videojobs: VideoJobs, cluster: ControlPlane, namespace: str
) -> None:
    await api.post(PATH, json=body("again", video_url=SIGNED))
    first = videojobs.get("again")["metadata"]["uid"]
    _end(cluster, namespace, "again", "False", "DOWNLOAD_ERROR")
    fresh = SIGNED.replace(CANARY, "fresh")
    assert (await api.post(PATH, json=body("again", video_url=fresh))).status_code == 200
    assert _signature(videojobs, "again") == "fresh"
    again = videojobs.get("again")
    assert (again["spec"]["run"], again["metadata"]["uid"]) == (2, first)


async def test_another_body_after_a_failure_is_another_videojob(
    api: httpx.AsyncClient, videojobs: VideoJobs, cluster: ControlPlane, namespace: str
) -> None:
    await api.post(PATH, json=body("other"))
    first = videojobs.get("other")["metadata"]["uid"]
    _end(cluster, namespace, "other", "False", "PROCESSING_ERROR")
    assert (await api.post(PATH, json=body("other", language="ja"))).status_code == 200
    second = videojobs.get("other")
    assert (second["spec"]["language"], second["spec"]["run"]) == ("ja", 1)
    assert second["metadata"]["uid"] != first


async def test_nothing_is_accepted_while_the_api_server_is_away(
    api: httpx.AsyncClient, videojobs: VideoJobs, control_plane: ControlPlane
) -> None:
    assert (await api.get("/health/ready")).status_code == 200
    control_plane.kill_api_server()
    try:
        refused = await api.post(PATH, json=body("away"))
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert (await api.get("/jobs/away")).status_code == 503
        ready = await api.get("/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert (await api.get("/health/live")).status_code == 200
    finally:
        control_plane.start_api_server()
    assert not videojobs.exists("away")
    assert (await api.post(PATH, json=body("away"))).status_code == 200


async def test_a_refused_quota_is_a_503(api: httpx.AsyncClient, videojobs: VideoJobs) -> None:
    await asyncio.to_thread(videojobs.set_quota, "count/videojobs.ecg-analyzer.io", "0")
    answer = await api.post(PATH, json=body("refused"))
    assert (answer.status_code, videojobs.all()) == (503, [])


async def test_a_transcription_waits_on_a_watch_also_over_a_restart_of_the_api_server(
    api: httpx.AsyncClient, videojobs: VideoJobs, control_plane: ControlPlane, cluster: ControlPlane, namespace: str
) -> None:
    asked = asyncio.create_task(api.post("/transcribe", json={"video_url": "https://media.example/v.mp4"}))
    await asyncio.to_thread(wait_until, videojobs.all)
    found = videojobs.all()
    assert found[0]["spec"]["interactive"] is True
    control_plane.kill_api_server()
    control_plane.start_api_server()
    await asyncio.to_thread(_end, cluster, namespace, found[0]["metadata"]["name"], "False", "PROCESSING_ERROR")
    answer = await asyncio.wait_for(asked, 30)  # a watch ends after 60 s: what comes before was brought by it
    assert (answer.status_code, answer.json()["success"]) == (200, False)


async def test_a_transcription_that_nobody_works_on_is_given_up_and_cancelled(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    app = await build_app(Settings(transcribe_wait_s=0.5), KubernetesSettings(namespace=namespace))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t", timeout=30) as api,
    ):
        answer = await api.post("/transcribe", json={"video_url": "https://media.example/v.mp4"})
        upload = await api.post("/transcribe", files={"file": ("a.wav", b"RIFF", "audio/wav")})
    assert answer.json()["error_code"] == "PROCESSING_ERROR"
    [given_up] = [videojob["spec"] for videojob in videojobs.all()]
    assert given_up["cancelledRun"] == 1
    assert given_up["activeDeadlineSeconds"] == 1, "its work would go on if nobody could cancel it"
    assert upload.status_code == 501
    assert "bucket" in upload.json()["detail"]


async def test_undelivered_jobs_are_listed_and_sent_once_more(
    api: httpx.AsyncClient, videojobs: VideoJobs, cluster: ControlPlane, namespace: str
) -> None:
    await api.post(PATH, json=body("lost", fastapi_base_url="https://backend.example"))
    _end(cluster, namespace, "lost", "False", "PROCESSING_ERROR")
    now = "2026-01-01T00:00:00Z"
    with client(cluster) as admin:
        path = f"/apis/ecg-analyzer.io/v1alpha1/namespaces/{namespace}/videojobs/lost/status"
        conditions = admin.get(path).json()["status"]["conditions"]
        gone = {"type": "CallbackDelivered", "status": "False", "reason": "Undelivered", "message": "HTTP 500"}
        body_ = {"status": {"conditions": [*conditions, gone | {"lastTransitionTime": now}]}}
        admin.patch(path, json=body_, headers={"content-type": "application/merge-patch+json"}).raise_for_status()
    assert [j["job_id"] for j in (await api.get("/jobs?callback=undelivered")).json()["jobs"]] == ["lost"]
    assert (await api.post("/jobs/lost/redeliver")).status_code == 202
    assert videojobs.get("lost")["spec"]["redelivery"] == 1


async def test_people_select_videojobs_by_labels_and_fields(
    api: httpx.AsyncClient, cluster: ControlPlane, videojobs: VideoJobs
) -> None:
    """Language and what of the caller's metadata has the form of a label; the state is a field."""
    metadata = {"team": "news", "title": "a long title, with spaces", "-bad": "x", "empty": ""}
    for name, language in (("korean", "ko"), ("english", "en")):
        answer = await api.post(PATH, json=body(name, language=language, metadata=metadata))
        assert answer.status_code == 200, answer.text
    prefix = "metadata.ecg-analyzer.io"
    labels = {"ecg-analyzer.io/language": "ko", f"{prefix}/team": "news", f"{prefix}/empty": ""}
    assert videojobs.get("korean")["metadata"]["labels"] == labels
    _end(cluster, videojobs.namespace, "english", "False", "PROCESSING_ERROR")

    def selected(*by: str) -> list[str]:
        return cluster.kubectl("get", "videojobs", "-n", videojobs.namespace, "-o", "name", *by).split()

    assert selected("-l", "ecg-analyzer.io/language=ko") == ["videojob.ecg-analyzer.io/korean"]
    assert len(selected("-l", f"{prefix}/team=news")) == 2
    assert selected("--field-selector", "status.phase=Failed") == ["videojob.ecg-analyzer.io/english"]
    assert selected("--field-selector", "spec.language=ko") == ["videojob.ecg-analyzer.io/korean"]
