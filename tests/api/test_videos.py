"""POST /api/upload-video/process-video: the response, and what is stored before it."""

import httpx
import pytest

from ecg_api.http.app import create_app
from ecg_api.jobs.sources import body_key, video_body_key
from ecg_api.ports import JobKind, JobState
from ecg_api.settings import Settings
from ecg_contract.languages import Language
from ecg_contract.wire.models import ProcessVideoRequest
from support.fake_store import FakeStore
from support.host_contract import PATH, accepted

BODY = {
    "job_id": "550e8400-e29b-41d4-a716-446655440000",
    "video_url": "https://s3.amazonaws.com/bucket/video.mp4",
    "fastapi_base_url": "https://ho-it.site",
    "enable_gpu": True,
    "emotion_detection": True,
    "language": "ko",
    "max_workers": 4,
}


async def test_the_specifications_example_is_answered_to_the_letter(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=BODY)
    assert answer.status_code == 200
    assert answer.json() == accepted("550e8400-e29b-41d4-a716-446655440000")


async def test_the_job_is_stored_as_it_was_asked_for(client: httpx.AsyncClient, store: FakeStore) -> None:
    await client.post(PATH, json=BODY)
    submission = store.jobs[BODY["job_id"]].submission  # type: ignore[index]
    assert submission.kind is JobKind.VIDEO
    assert submission.source.url == BODY["video_url"]
    assert (submission.options.language, submission.callback_base) == (Language.KO, "https://ho-it.site")


async def test_the_status_url_leads_to_the_job(client: httpx.AsyncClient) -> None:
    accepted = (await client.post(PATH, json=BODY)).json()
    status = (await client.get(accepted["status_url"])).json()
    assert status["status"] == "processing"
    assert status["stage"] == "queued"
    assert list(status)[:3] == ["status", "processing_time", "completed_at"]


async def test_a_second_post_makes_no_second_job(client: httpx.AsyncClient, store: FakeStore) -> None:
    first, second = [await client.post(PATH, json=BODY) for _ in range(2)]
    assert first.json() == second.json()
    assert len(store.jobs) == 1


async def test_a_renewed_signature_is_the_same_body(client: httpx.AsyncClient) -> None:
    for signature in ("aa", "bb"):
        url = f"https://b.s3.amazonaws.com/v.mp4?versionId=3&X-Amz-Signature={signature}&X-Amz-Date={signature}"
        assert (await client.post(PATH, json={**BODY, "video_url": url})).status_code == 200


def test_an_option_that_the_first_release_did_not_have_counts_where_it_is_given() -> None:
    video = ProcessVideoRequest.model_validate(BODY)
    later = {"priority", "num_speakers", "min_speakers", "max_speakers", "vocabulary", "metadata"}
    first_release = video.model_dump(exclude={"job_id", *later}, mode="json")
    assert video_body_key(video) == body_key(**first_release), "requests from before an upgrade are recognised"
    assert video_body_key(video.model_copy(update={"priority": 1})) != video_body_key(video)


@pytest.mark.parametrize(("field", "value"), [("language", "en"), ("video_url", "s3://bucket/other.mp4")])
async def test_another_body_under_the_same_id_is_a_conflict(client: httpx.AsyncClient, field: str, value: str) -> None:
    await client.post(PATH, json=BODY)
    answer = await client.post(PATH, json={**BODY, field: value})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_log_tells_of_the_job_without_its_credential(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    url = "https://user:hunter2@h.example/v.mp4?X-Amz-Signature=hunter2"
    await client.post(PATH, json={**BODY, "video_url": url})
    (record,) = [r for r in caplog.records if r.message == "job_submitted"]
    told = record.__dict__
    assert (told["job_id"], told["source"]) == (BODY["job_id"], "https://h.example/v.mp4")
    assert not [r for r in caplog.records if "hunter2" in repr(r.__dict__)]


async def test_a_failed_job_posted_again_runs_again(client: httpx.AsyncClient, store: FakeStore) -> None:
    await client.post(PATH, json=BODY)
    await store.move(str(BODY["job_id"]), JobState.FAILED)
    assert (await client.post(PATH, json={**BODY, "language": "en"})).status_code == 200
    assert store.jobs[str(BODY["job_id"])].view.state is JobState.QUEUED


async def test_what_cannot_be_stored_is_never_called_processing(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.broken = True
    answer = await client.post(PATH, json=BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "processing" not in answer.text


async def test_a_full_queue_says_when_to_come_back(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.max_waiting = 0
    answer = await client.post(PATH, json=BODY)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")


async def test_without_a_callback_url_the_backend_of_the_settings_is_called(
    client: httpx.AsyncClient, store: FakeStore
) -> None:
    await client.post(PATH, json={**BODY, "fastapi_base_url": None})
    assert store.jobs[str(BODY["job_id"])].submission.callback_base == "https://backend.example"


async def test_a_job_without_a_callback_address_says_that_none_will_come(
    store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(Settings(), store)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        await client.post(PATH, json={"job_id": "silent", "video_url": BODY["video_url"]})
        notes = (await client.get("/jobs/silent")).json()["notes"]
        assert notes == [
            "no callbacks are sent: the request names no fastapi_base_url, and the server has no backend of its own"
        ]
        assert "no_callbacks" in caplog.messages
        caplog.clear()
        await client.post(PATH, json=BODY)
        assert (await client.get(f"/jobs/{BODY['job_id']}")).json()["notes"] == []
        assert "no_callbacks" not in caplog.messages
