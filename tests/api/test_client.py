"""The client package against the API on a real HTTP server, with and without asyncio."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ecg_api.http.app import create_app
from ecg_api.ports import JobState
from ecg_api.settings import Settings
from ecg_client import AsyncEcgClient, EcgClient, EcgError
from ecg_client.events import EventParser
from ecg_contract.wire.models import WireResult
from ecg_dev.waiting import wait_until
from support.fake_store import FakeStore
from support.live_server import live_server
from support.submissions import submission
from support.wire_results import stored_result

ROOT = Path(__file__).parents[2]
VIDEO = "https://media.example/v.mp4"


@pytest.fixture
def url(store: FakeStore, settings: Settings) -> Iterator[str]:
    with live_server(create_app(settings, store, uploads=store, redelivery=store)) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[EcgClient]:
    with EcgClient(url) as client:
        yield client


def completed(store: FakeStore, job_id: str, folder: Path) -> None:
    entry = store.put(submission(job_id, metadata={"project": "atlas"}))
    asyncio.run(store.move(entry.submission.job_id, JobState.COMPLETED, result=stored_result(folder)))


def test_a_video_is_submitted_with_its_options(client: EcgClient, store: FakeStore) -> None:
    made = client.submit(VIDEO, language="ko", metadata={"project": "atlas"}, num_speakers=2)
    sent = store.jobs[made.job_id].submission.options
    assert (sent.language, sent.metadata, sent.num_speakers) == ("ko", {"project": "atlas"}, 2)
    assert client.get(made.job_id).metadata == {"project": "atlas"}
    assert [job.job_id for job in client.list(metadata={"project": "atlas"}, state=["queued", "running"])] == [
        made.job_id
    ]
    assert list(client.list(state="failed")) == []
    assert client.cancel(made.job_id).status == "cancelled"
    assert client.retry(made.job_id).status == "processing"
    assert client.callbacks(made.job_id).tries == []
    client.delete(made.job_id)
    with pytest.raises(EcgError, match="404: there is no job with this id"):
        client.get(made.job_id)


def test_every_page_of_a_list_is_read(client: EcgClient, store: FakeStore) -> None:
    for number in range(5):
        store.put(submission(f"영상/{number}"))
    assert {job.job_id for job in client.list(limit=2)} == set(store.jobs)


def test_a_result_is_typed_or_text(client: EcgClient, store: FakeStore, tmp_path: Path) -> None:
    completed(store, "a/b", tmp_path)
    assert isinstance(client.result("a/b"), WireResult)
    assert client.result_as("a/b", "srt").startswith(b"1\n00:00:01,500 --> ")


def test_a_refusal_names_the_fields(client: EcgClient) -> None:
    with pytest.raises(EcgError) as refused:
        client.submit("ftp://x", job_id="j")
    assert (refused.value.status, [error.field for error in refused.value.errors]) == (422, ["video_url"])


def test_what_there_was_no_room_for_is_sent_again(url: str) -> None:
    answers = iter(
        [httpx.Response(429, headers={"retry-after": "0"}), httpx.Response(503, headers={"retry-after": "0"})]
    )
    accepted = {"job_id": "j"}
    transport = httpx.MockTransport(lambda _: next(answers, httpx.Response(200, json=accepted)))
    with EcgClient(url, transport=transport) as client:
        assert client.submit(VIDEO, job_id="j").job_id == "j"
    full = httpx.MockTransport(lambda _: httpx.Response(429, headers={"retry-after": "0"}, json={"detail": "full"}))
    with EcgClient(url, transport=full, retries=2) as client, pytest.raises(EcgError, match="429: full"):
        client.submit(VIDEO)


def test_a_job_is_watched_to_its_end(client: EcgClient, store: FakeStore) -> None:
    store.put(submission("j"))
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.extend(status.status for status in client.watch("j")))
    thread.start()
    wait_until(lambda: seen == ["processing"], 5)
    with EcgClient(str(client._http.base_url)) as other:
        other.cancel("j")
    thread.join(5)
    assert (seen, thread.is_alive()) == (["processing", "cancelled"], False)


def test_a_stream_that_breaks_off_is_asked_for_again() -> None:
    status = '{"job_id":"j","status":"%s","callback":{"state":"pending"}}'
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        state = "processing" if len(asked) == 1 else "completed"
        return httpx.Response(200, text=f"id: {len(asked)}\nevent: status\ndata: {status % state}\n\n: heartbeat\n\n")

    with EcgClient("http://h", transport=httpx.MockTransport(answer)) as client:
        assert [one.status for one in client.watch("j")] == ["processing", "completed"]
    assert asked == [None, "1"]


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with EcgClient("http://127.0.0.1:9") as client, pytest.raises(httpx.ConnectError):
        next(client.watch("j"))


def test_events_are_read_as_the_standard_says() -> None:
    parser = EventParser()
    lines = [": comment", "id: 7", "event: status", "data: a", "data:b", "", "", "data: c", ""]
    events = [event for line in lines if (event := parser.feed(line))]
    assert [(event.name, event.data, event.id) for event in events] == [("status", "a\nb", "7"), ("message", "c", "7")]


async def test_it_is_the_same_with_asyncio(url: str, store: FakeStore, tmp_path: Path) -> None:
    await asyncio.to_thread(completed, store, "done", tmp_path)
    async with AsyncEcgClient(url) as client:
        made = await client.submit(VIDEO, job_id="j")
        assert [job.job_id async for job in client.list(limit=1)] == ["j", "done"]
        assert (await client.cancel(made.job_id)).status == "cancelled"
        assert [status.status async for status in client.watch("j")] == ["cancelled"]
        assert (await client.result("done")).language == "ko"
        with pytest.raises(EcgError):
            await client.get("nobody")


def test_it_is_installed_by_itself(tmp_path: Path) -> None:
    """From the wheel alone, with httpx and pydantic."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "client", check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    script = f"""
import sys
sys.path.insert(0, {str(wheel)!r})
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
import ecg_client, ecg_contract
assert ".whl" in ecg_client.__file__ and ".whl" in ecg_contract.__file__
assert not {{"torch", "fastapi", "boto3", "ecg_common", "ecg_api"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
