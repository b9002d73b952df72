"""Job ids with special characters: each job can be read, fetched and removed under its status URL."""

import asyncio
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from ecg_api.ports import JobState
from ecg_contract.wire.status import CallbackView
from support.fake_store import FakeStore
from support.wire_results import stored_result

PATH = "/api/upload-video/process-video"
UNUSUAL = [
    "a/b",
    "a/result",
    "result",
    "a/redeliver",
    "/",
    "//",
    "a b",
    "100%",
    "%2F",
    "🎬",
    "영상 1",
    "a?b#c",
    "a;b",
    "..%2f",
]


def _body(job_id: str) -> dict[str, str]:
    return {"job_id": job_id, "video_url": "s3://bucket/v.mp4"}


@pytest.mark.parametrize("job_id", UNUSUAL)
async def test_an_unusual_id_is_found_under_its_status_url(client: httpx.AsyncClient, job_id: str) -> None:
    accepted = (await client.post(PATH, json=_body(job_id))).json()
    status = await client.get(accepted["status_url"])
    assert (status.status_code, status.json()["job_id"]) == (200, job_id)


@pytest.mark.parametrize("job_id", UNUSUAL)
async def test_an_unusual_id_has_its_own_result(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path, job_id: str
) -> None:
    url = (await client.post(PATH, json=_body(job_id))).json()["status_url"]
    assert (await client.get(f"{url}/result")).status_code == 409
    await store.move(job_id, JobState.COMPLETED, result=stored_result(tmp_path))
    answer = await client.get(f"{url}/result")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == stored_result(tmp_path).read_bytes()


async def test_a_result_whose_file_is_gone_is_a_404(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path
) -> None:
    await client.post(PATH, json=_body("a"))
    await store.move("a", JobState.COMPLETED, result=tmp_path / "gone")
    assert (await client.get("/jobs/a/result")).status_code == 404


async def test_a_slash_that_was_sent_encoded_belongs_to_the_id(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=_body("a"))
    assert (await client.get("/jobs/a/result")).status_code == 409  # the job a, without a result yet
    assert (await client.get("/jobs/a%2Fresult")).status_code == 404  # the job a/result


async def test_a_slash_that_was_sent_bare_is_understood(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=_body("a/b"))
    assert (await client.get("/jobs/a/b")).json()["job_id"] == "a/b"


@pytest.mark.parametrize("job_id", ["", "a\r\nb", "a\x00b", "x" * 10_000, "..", "\x85"])
async def test_ids_that_no_log_line_or_url_can_hold_are_refused(client: httpx.AsyncClient, job_id: str) -> None:
    answer = await client.post(PATH, json=_body(job_id))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "job_id"


@pytest.mark.parametrize("job_id", ["nobody", "%00", "%ff%fe", "x" * 10_000, "%F0%9F", "a/result"])
@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("GET", "/result"), ("DELETE", ""), ("POST", "/redeliver")])
async def test_an_unknown_job_is_a_404(client: httpx.AsyncClient, method: str, end: str, job_id: str) -> None:
    answer = await client.request(method, f"/jobs/{job_id}{end}")
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


async def test_deleting_removes_the_job(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=_body("a/b"))
    assert (await client.delete(f"/jobs/{quote('a/b', safe='')}")).status_code == 204
    assert (await client.delete("/jobs/a%2Fb")).status_code == 404


async def test_an_undelivered_callback_is_listed_and_sent_again(client: httpx.AsyncClient, store: FakeStore) -> None:
    await client.post(PATH, json=_body("a/b"))
    assert (await client.post("/jobs/a%2Fb/redeliver")).status_code == 409
    await store.move("a/b", JobState.COMPLETED, callback=CallbackView(state="undelivered", tries=90))
    listed = (await client.get("/jobs", params={"callback": "undelivered"})).json()["jobs"]
    assert [job["job_id"] for job in listed] == ["a/b"]
    assert (await client.post("/jobs/a%2Fb/redeliver")).json()["callback"]["state"] == "pending"
    assert (await client.get("/jobs", params={"callback": "undelivered"})).json() == {"jobs": [], "cursor": None}


async def test_fifty_posts_in_parallel_make_one_job(client: httpx.AsyncClient, store: FakeStore) -> None:
    answers = await asyncio.gather(*[client.post(PATH, json=_body("one")) for _ in range(50)])
    assert {a.status_code for a in answers} == {200}
    assert list(store.jobs) == ["one"]
