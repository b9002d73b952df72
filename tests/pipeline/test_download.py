"""Downloads from a real server that misbehaves."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_contract.errors import AnalysisError, ErrorCode, TransientError, UsageError
from ecg_pipeline.fetch import FetchedFile, fetch
from ecg_pipeline.fetch.download import Downloader, Environment
from ecg_pipeline.settings import FetchSettings
from support.media_server import MediaServer, Reply, endless

VIDEO = bytes(range(256)) * 800  # 200 KiB
LOG = logging.getLogger("test")


@pytest.fixture
def server() -> Iterator[MediaServer]:
    with MediaServer() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "media"


def settings(allow: str = "127.0.0.1", **changes: Any) -> FetchSettings:
    return FetchSettings(fetch_allow=tuple(filter(None, [allow])), **changes)


class Pauses:
    """Stands for sleep, and remembers."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def get(url: str, target: Path, pauses: Pauses | None = None, **changes: Any) -> int:
    environment = Environment(sleep=pauses or Pauses())
    return Downloader(settings(**changes), LOG, environment).download(url, target, lambda done, total: None)


def test_a_file_arrives_whole(server: MediaServer, target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    url = server.serve("/v.mp4", Reply(body=VIDEO))
    fetched = fetch(url + "?sig=canary", target, settings(), lambda done, total: seen.append((done, total)))
    assert fetched == FetchedFile(target, len(VIDEO), url)
    assert target.read_bytes() == VIDEO
    assert seen[-1] == (len(VIDEO), len(VIDEO))


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(404), "비디오 파일을 다운로드할 수 없습니다: 404 Not Found"),
        (Reply(410), "비디오 파일을 다운로드할 수 없습니다: 410 Gone"),
        (Reply(403), "비디오 파일을 다운로드할 수 없습니다: 403 Forbidden"),
        (
            Reply(403, body=b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
            "비디오 파일을 다운로드할 수 없습니다: 403 Forbidden (the presigned URL has expired; a new one is needed)",
        ),
        (Reply(204, declared=None), "비디오 파일을 다운로드할 수 없습니다: 204 No Content"),
        (Reply(302), "비디오 파일을 다운로드할 수 없습니다: 302 Found without a Location"),
        (Reply(799), "비디오 파일을 다운로드할 수 없습니다: 799 (3 tries)"),
    ],
)
def test_a_refusal_is_told_in_the_specifications_words(
    server: MediaServer, target: Path, reply: Reply, message: str
) -> None:
    with pytest.raises(AnalysisError) as failure:
        get(server.serve("/v.mp4", reply), target)
    assert failure.value.message == message
    assert failure.value.code is ErrorCode.DOWNLOAD_ERROR


def test_a_final_refusal_is_not_tried_again(server: MediaServer, target: Path) -> None:
    with pytest.raises(UsageError):
        get(server.serve("/v.mp4", Reply(404)), target)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_three_times(server: MediaServer, target: Path, status: int) -> None:
    pauses = Pauses()
    with pytest.raises(TransientError, match=rf"{status} .*\(3 tries\)"):
        get(server.serve("/v.mp4", Reply(status)), target, pauses)
    assert len(server.requests) == 3
    assert pauses.seconds == [1, 4]


def test_a_try_that_works_ends_the_tries(server: MediaServer, target: Path) -> None:
    assert get(server.serve("/v.mp4", Reply(503), Reply(body=VIDEO)), target) == len(VIDEO)


@pytest.mark.parametrize(("retry_after", "pause"), [("7", 7), ("0", 1), ("99999999999", 60), ("soon", 1), ("-5", 1)])
def test_a_retry_after_is_honoured_within_reason(
    server: MediaServer, target: Path, retry_after: str, pause: float
) -> None:
    pauses = Pauses()
    get(server.serve("/v.mp4", Reply(429, {"Retry-After": retry_after}), Reply(body=VIDEO)), target, pauses)
    assert pauses.seconds == [pause]


def test_a_body_that_breaks_off_is_continued_where_it_ended(server: MediaServer, target: Path) -> None:
    cut = Reply(headers={"ETag": '"v1"'}, pieces=[VIDEO[:70_000]], declared=len(VIDEO))
    assert get(server.serve("/v.mp4", cut, Reply(body=VIDEO, ranges=True)), target) == len(VIDEO)
    assert target.read_bytes() == VIDEO
    assert server.requests[1].headers["range"].startswith("bytes=")


def test_a_body_that_breaks_off_begins_anew_on_a_server_without_ranges(server: MediaServer, target: Path) -> None:
    cut = Reply(headers={"ETag": '"v1"'}, pieces=[VIDEO[:70_000]], declared=len(VIDEO))
    assert get(server.serve("/v.mp4", cut, Reply(body=VIDEO)), target) == len(VIDEO)
    assert target.read_bytes() == VIDEO


@pytest.mark.parametrize(
    "answer",
    [
        Reply(416),
        Reply(206, {"Content-Range": f"bytes 5-{len(VIDEO) - 1}/{len(VIDEO)}", "ETag": '"v1"'}, body=VIDEO[5:]),
        Reply(206, {"Content-Range": "nonsense", "ETag": '"v1"'}, body=VIDEO[5:]),
    ],
    ids=["refused", "elsewhere", "nonsense"],
)
def test_a_continuation_that_does_not_fit_begins_anew(server: MediaServer, target: Path, answer: Reply) -> None:
    cut = Reply(headers={"ETag": '"v1"'}, pieces=[VIDEO[:70_000]], declared=len(VIDEO))
    assert get(server.serve("/v.mp4", cut, answer, Reply(body=VIDEO, ranges=True)), target) == len(VIDEO)
    assert "range" not in server.requests[2].headers
    assert target.read_bytes() == VIDEO


@pytest.mark.parametrize(
    "reply",
    [
        Reply(pieces=[VIDEO[:1000]], declared=len(VIDEO)),
        Reply(headers={"Transfer-Encoding": "chunked"}, pieces=[b"5\r\nhello\r\n"], declared=None),
        Reply(raw=b""),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello"),
        Reply(raw=b"\x00\x01\x02 not HTTP at all\r\n\r\n"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000),
    ],
    ids=["short", "short-chunked", "nothing", "negative-length", "two-lengths", "no-http", "long-header"],
)
def test_a_wrong_answer_is_a_failed_download(server: MediaServer, target: Path, reply: Reply) -> None:
    with pytest.raises(TransientError, match="3 tries"):
        get(server.serve("/v.mp4", reply), target)


def test_a_body_longer_than_declared_is_cut_to_what_was_declared(server: MediaServer, target: Path) -> None:
    assert get(server.serve("/v.mp4", Reply(body=VIDEO, declared=1000)), target) == 1000


@pytest.mark.parametrize(
    "reply",
    [
        Reply(declared=100_001, pieces=[]),
        Reply(declared=None, pieces=endless(b"x" * 10_000)),
        Reply(
            headers={"Transfer-Encoding": "chunked"},
            declared=None,
            pieces=endless(b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
        ),
    ],
    ids=["declared", "endless", "endless-chunked"],
)
def test_a_body_beyond_the_limit_is_refused_and_nothing_is_left(
    server: MediaServer, target: Path, reply: Reply
) -> None:
    with pytest.raises(UsageError, match="larger than this server takes"):
        fetch(server.serve("/v.mp4", reply), target, settings(fetch_max_bytes=100_000))
    assert not target.exists()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(delay_s=60),
        Reply(body=VIDEO, pieces=[b"x", b""], pause_s=60),
        Reply(declared=None, pieces=endless(b"x"), pause_s=0.05),
        Reply(raw=b"HTTP/1.1 200 OK\r\n", delay_s=0.1),
    ],
    ids=["silent", "stalled", "dripping", "half-a-head"],
)
def test_a_slow_server_is_given_up(server: MediaServer, target: Path, reply: Reply) -> None:
    with pytest.raises(TransientError):
        get(
            server.serve("/v.mp4", reply), target, fetch_stall_timeout_s=0.4, fetch_connect_timeout_s=0.4, fetch_tries=2
        )
    assert len(server.requests) == 2


def test_the_time_of_the_whole_is_limited(server: MediaServer, target: Path) -> None:
    url = server.serve("/v.mp4", Reply(declared=None, pieces=endless(b"x" * 10_000), pause_s=0.01))
    with pytest.raises(TransientError, match=r"not complete within 0\.5 s"):
        get(url, target, fetch_total_timeout_s=0.5)


def test_a_download_that_cannot_be_complete_in_time_is_given_up_long_before(server: MediaServer, target: Path) -> None:
    slow = Reply(declared=2**30, pieces=endless(b"x" * 20_000), pause_s=0.01)  # some 2 MB/s for 1 GiB
    with pytest.raises(TransientError, match=r"at \d+ KiB/s the rest would take \d+\.\d h, and 0\.0 h are left"):
        get(server.serve("/v.mp4", slow), target, fetch_stall_timeout_s=0.3, fetch_total_timeout_s=60, fetch_tries=2)
    assert len(server.requests) == 2


def test_what_the_server_compressed_is_not_decompressed(server: MediaServer, target: Path) -> None:
    get(server.serve("/v.mp4", Reply(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b bomb")), target)
    assert target.read_bytes() == b"\x1f\x8b bomb"
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_three_redirects_are_followed_and_no_fourth(server: MediaServer, target: Path) -> None:
    for number in range(4):
        server.serve(f"/{number}", Reply(302, {"Location": f"/{number + 1}"}))
    server.serve("/4", Reply(body=VIDEO))
    assert get(f"{server.url}/1", target) == len(VIDEO)
    with pytest.raises(UsageError, match="more than 3 redirects"):
        get(f"{server.url}/0", target)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2/x", "http://[::1]/x", "http://169.254.169.254/latest/meta-data",
        "http://2852039166/", "http://0xa9.0xfe.0xa9.0xfe/", "http://[::ffff:169.254.169.254]/", "//10.0.0.1/x",
        "file:///etc/passwd", "ftp://host/x", "http:///x", "http://[broken", "s3://bucket/key",
    ],
)  # fmt: skip
def test_a_redirect_is_checked_like_the_first_address(server: MediaServer, target: Path, location: str) -> None:
    url = server.serve("/v.mp4", Reply(302, {"Location": location}))
    with pytest.raises(UsageError):
        get(url, target)
    assert not target.exists()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "/etc/passwd", "etc/passwd", "", "ftp://host/x", "data:video/mp4,x", "http://", "s3://",
        "s3://bucket", "http://127.0.0.1/x", "http://localhost/x", "http://127.1/x", "http://2130706433/x",
        "http://0x7f.1/x", "http://0177.0.0.1/x", "http://[::1]/x", "http://[::ffff:127.0.0.1]/x",
        "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/x", "http://[fd00:ec2::254]/x", "http://0/x",
        "http://100.100.100.200/x", "http://[::ffff:a9fe:a9fe]/", "http://[64:ff9b::a9fe:a9fe]/", "gopher://127.0.0.1/",
    ],
)  # fmt: skip
def test_a_url_that_leads_inside_is_refused_unasked(target: Path, url: str) -> None:
    with pytest.raises(UsageError) as failure:
        fetch(url, target, settings(allow=""))
    assert failure.value.code is ErrorCode.DOWNLOAD_ERROR
    assert not target.exists()


def test_a_name_that_leads_inside_is_refused(server: MediaServer, target: Path) -> None:
    environment = Environment(resolve=lambda host, port: ["127.0.0.1"])
    downloader = Downloader(settings(allow=""), LOG, environment)
    with pytest.raises(
        UsageError,
        match=r"media\.example leads to a loopback address, which this server does not open unless its FETCH_ALLOW",
    ):
        downloader.download(f"http://media.example:{server.port}/v.mp4", target, lambda done, total: None)
    assert not server.requests


def test_what_the_progress_callback_raises_ends_the_download(server: MediaServer, target: Path) -> None:
    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int | None) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        fetch(server.serve("/v.mp4", Reply(body=VIDEO)), target, settings(), cancel)
    assert not target.exists()


def test_no_credential_stands_in_a_log_or_a_message(
    server: MediaServer, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.serve("/ok", Reply(body=VIDEO))
    server.serve("/down", Reply(raw=b""))
    server.serve("/moved", Reply(302, {"Location": "http://u:canary@127.0.0.9/x?sig=canary"}))
    server.serve("/expired", Reply(403, body=b"<Message>Request has expired</Message><Key>canary</Key>"))
    messages = []
    for path in ("ok", "down", "moved", "expired", "missing"):
        url = f"http://user:canary@127.0.0.1:{server.port}/{path}?X-Amz-Signature=canary#canary"
        try:
            fetch(url, target, settings(f"127.0.0.1:{server.port}", fetch_tries=1))
        except AnalysisError as error:
            messages.append(error.message)
    shown = "".join(r.getMessage() + str(r.__dict__) for r in caplog.records if r.name.startswith("ecg"))
    assert len(messages) == 4
    assert "canary" not in shown + "".join(messages)
    assert f"http://127.0.0.1:{server.port}/down" in shown
