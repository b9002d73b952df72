"""What needs a real HTTP server: raw paths, chunked bodies, a client that disconnects."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from ecg_api.http.app import create_app
from ecg_api.ports import JobState
from ecg_api.settings import Settings
from ecg_dev.waiting import wait_until
from support.fake_store import FakeStore
from support.live_server import live_server

PATH = "/api/upload-video/process-video"


@pytest.fixture
def url(store: FakeStore, settings: Settings) -> Iterator[str]:
    with live_server(create_app(settings, store, uploads=store, redelivery=store)) as url:
        yield url


def _raw(url: str, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize("job_id", ["a/result", "100%", "영상/1"])
def test_an_encoded_id_survives_the_server(url: str, job_id: str) -> None:
    accepted = httpx.post(url + PATH, json={"job_id": job_id, "video_url": "s3://bucket/v"}).json()
    assert httpx.get(url + accepted["status_url"]).json()["job_id"] == job_id


def test_a_chunked_body_is_cut_off_at_the_limit(url: str) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = _raw(url, head % PATH.encode() + (b"1000\r\n" + b" " * 0x1000 + b"\r\n") * 17)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "request_", [b"\x00\xff\r\n\r\n", b"GET /jobs/\xff HTTP/1.1\r\nHost: t\r\n\r\n", b"\r\n\r\nx y z\r\n\r\n"]
)
def test_noise_is_answered_400(url: str, request_: bytes) -> None:
    assert _raw(url, request_).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_hangs_up_cancels_its_transcription(url: str, store: FakeStore) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/transcribe", json={"video_url": "s3://bucket/v"}, timeout=httpx.Timeout(5, read=0.2))
    wait_until(lambda: [e.view.state for e in store.jobs.values()] == [JobState.CANCELLED], 5)


def test_an_upload_whose_client_hangs_up_leaves_no_file(url: str, store: FakeStore) -> None:
    head = (
        b"POST /transcribe HTTP/1.1\r\nHost: t\r\nContent-Length: 9000000\r\n"
        b"Content-Type: multipart/form-data; boundary=B\r\n\r\n"
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=5) as connection:
        connection.sendall(head + b"x" * 2_000_000)
        wait_until(lambda: len(list(store.folder.iterdir())) == 1, 5)
    wait_until(lambda: not list(store.folder.iterdir()), 5)
