"""A large file in parts over several connections."""

import logging
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecg_contract.errors import TransientError
from ecg_pipeline.fetch import parts
from ecg_pipeline.fetch.download import Downloader, Environment
from ecg_pipeline.settings import FetchSettings
from support.media_server import MediaServer, Reply

PART = 64 * 1024
VIDEO = b"".join(number.to_bytes(4, "big") for number in range(100_000))  # 400 KB, no two pieces alike
LOG = logging.getLogger("test")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", PART)


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as server:
        yield server


async def _no_pause(_: float) -> None:
    """In place of sleep."""


def _get(url: str, target: Path, seen: list[int] | None = None, **changes: Any) -> int:
    settings = FetchSettings(fetch_allow=("127.0.0.1",), **changes)
    progress = seen if seen is not None else []
    return Downloader(settings, LOG, Environment(sleep=_no_pause)).download(
        url, target, lambda done, total: progress.append(done)
    )


def _ranges(server: MediaServer) -> list[str | None]:
    return [request.headers.get("range") for request in server.requests]


def test_the_parts_make_the_file(server: MediaServer, tmp_path: Path) -> None:
    seen: list[int] = []
    url = server.serve("/v.mp4", Reply(body=VIDEO, ranges=True))
    assert _get(url, tmp_path / "v", seen) == len(VIDEO)
    assert (tmp_path / "v").read_bytes() == VIDEO
    wanted = [f"bytes={first}-{min(first + PART, len(VIDEO)) - 1}" for first in range(PART, len(VIDEO), PART)]
    assert sorted(filter(None, _ranges(server))) == sorted(wanted)
    assert _ranges(server).count(None) == 1, "the first answer is used"
    assert {r.headers.get("if-range") for r in server.requests if r.headers.get("range")} == {'"v1"'}
    assert seen == sorted(seen)
    assert seen[-1] == len(VIDEO)


@pytest.mark.parametrize(
    ("reply", "settings"),
    [
        (Reply(body=VIDEO), {}),
        (Reply(body=VIDEO[: 2 * PART - 1], ranges=True), {}),
        (Reply(body=VIDEO, headers={"ETag": 'W/"v1"', "Accept-Ranges": "bytes"}), {}),
        (Reply(body=VIDEO, headers={"ETag": '"v1"', "Accept-Ranges": "none"}), {}),
        (Reply(body=VIDEO, ranges=True), {"fetch_connections": 1}),
    ],
    ids=["no ranges", "small", "weak ETag", "ranges refused", "one connection"],
)
def test_one_connection_where_parts_are_not_to_be_had(
    server: MediaServer, tmp_path: Path, reply: Reply, settings: dict[str, Any]
) -> None:
    url = server.serve("/v.mp4", reply)
    assert _get(url, tmp_path / "v", **settings) == len(reply.body)
    assert (tmp_path / "v").read_bytes() == reply.body
    assert _ranges(server) == [None]


@pytest.mark.parametrize(
    "bad",
    [
        Reply(503),
        Reply(403),
        Reply(200, body=VIDEO, headers={"ETag": '"v2"'}),
        Reply(206, body=VIDEO[:PART], headers={"Content-Range": f"bytes 0-{PART - 1}/{len(VIDEO)}"}),
        Reply(206, body=VIDEO[PART : PART + 9], headers={"Content-Range": f"bytes {PART}-{2 * PART - 1}/{len(VIDEO)}"}),
        Reply(raw=b""),
    ],
    ids=["busy", "ranges forbidden", "changed", "another part", "short", "cut"],
)
def test_after_a_part_that_fails_one_connection_goes_on(server: MediaServer, tmp_path: Path, bad: Reply) -> None:
    good = Reply(body=VIDEO, ranges=True)
    url = server.serve("/v.mp4", good, bad, good)
    assert _get(url, tmp_path / "v", fetch_connections=2) == len(VIDEO)
    assert (tmp_path / "v").read_bytes() == VIDEO
    last = _ranges(server)[-1]
    assert last is None or last.endswith("-"), "the rest in one piece"


@pytest.mark.parametrize("pause_s", [0.0, 0.2], ids=["after the first part", "before it"])
def test_a_server_that_refuses_all_parts_gives_the_file_to_the_second_try(
    server: MediaServer, tmp_path: Path, pause_s: float
) -> None:
    pieces = [VIDEO[:1000], VIDEO[1000:]] if pause_s else None
    url = server.serve("/v.mp4", Reply(body=VIDEO, ranges=True, no_parts=True, pieces=pieces, pause_s=pause_s))
    assert _get(url, tmp_path / "v", fetch_tries=2) == len(VIDEO)
    assert (tmp_path / "v").read_bytes() == VIDEO


def test_a_server_that_fails_every_time_is_given_up_after_three_tries(server: MediaServer, tmp_path: Path) -> None:
    url = server.serve("/v.mp4", Reply(body=VIDEO, ranges=True), Reply(503))
    with pytest.raises(TransientError, match=r"503.*3 tries"):
        _get(url, tmp_path / "v")


def test_what_the_progress_callback_raises_ends_the_parts(server: MediaServer, tmp_path: Path) -> None:
    class Cancelled(Exception):  # noqa: N818 - not an error
        pass

    def cancel(done: int, total: int | None) -> None:
        raise Cancelled

    url = server.serve("/v.mp4", Reply(body=VIDEO, ranges=True))
    with pytest.raises(Cancelled):
        Downloader(FetchSettings(fetch_allow=("127.0.0.1",)), LOG).download(url, tmp_path / "v", cancel)


class _Together(BaseHTTPRequestHandler):
    """Answers parts only when as many requests as there are connections wait for their answers."""

    barrier: threading.Barrier
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        first, last = 0, len(VIDEO) - 1
        if asked := self.headers.get("Range"):
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            if first <= self.barrier.parties * PART:
                self.barrier.wait(10)
        headers: Mapping[str, str] = {
            "ETag": '"v1"',
            "Accept-Ranges": "bytes",
            "Content-Length": str(last - first + 1),
            "Content-Range": f"bytes {first}-{last}/{len(VIDEO)}",
            "Connection": "close",
        }
        self.send_response(206 if asked else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(VIDEO[first : last + 1])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing on stderr."""


def test_as_many_parts_are_on_their_way_as_there_are_connections(tmp_path: Path) -> None:
    handler = type("Handler", (_Together,), {"barrier": threading.Barrier(3)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        assert _get(f"http://127.0.0.1:{server.server_port}/v", tmp_path / "v", fetch_connections=4) == len(VIDEO)
        server.shutdown()
    assert (tmp_path / "v").read_bytes() == VIDEO
