"""Reads from S3: moto's server where it can, a scripted server for what it cannot do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ecg_contract.errors import ErrorCode, TransientError, UsageError
from ecg_pipeline.fetch import fetch
from ecg_pipeline.settings import FetchSettings
from support.media_server import MediaServer, Reply

VIDEO = bytes(range(256)) * 12_000  # 3 MB, three pieces


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    _isolated(monkeypatch, tmp_path)


def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("ecg_pipeline.fetch.common.PAUSES_S", (0.0, 0.0))


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def videos(moto: str) -> Any:
    """The client of a bucket `videos` that holds one video twice."""
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    client.create_bucket(Bucket="videos")
    client.put_bucket_versioning(Bucket="videos", VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket="videos", Key="a/first video.mp4", Body=VIDEO)
    return client


def settings(endpoint: str, **changes: Any) -> FetchSettings:
    return FetchSettings(s3_endpoint_url=endpoint, **changes)


@pytest.mark.parametrize(
    "url",
    [
        "s3://videos/a/first%20video.mp4",
        "https://videos.s3.ap-northeast-2.amazonaws.com/a/first%20video.mp4",
        "https://s3.amazonaws.com/videos/a/first%20video.mp4",
    ],
)
def test_an_object_is_read_by_every_kind_of_url(moto: str, videos: Any, tmp_path: Path, url: str) -> None:
    seen: list[tuple[int, int | None]] = []
    fetched = fetch(url, tmp_path / "v", settings(moto), lambda done, total: seen.append((done, total)))
    assert (tmp_path / "v").read_bytes() == VIDEO
    assert fetched.bytes == len(VIDEO)
    assert seen[-1] == (len(VIDEO), len(VIDEO))


def test_a_version_of_an_object_is_read(moto: str, videos: Any, tmp_path: Path) -> None:
    old = videos.put_object(Bucket="videos", Key="v", Body=b"old")["VersionId"]
    videos.put_object(Bucket="videos", Key="v", Body=b"new")
    fetch(f"s3://videos/v?versionId={old}", tmp_path / "v", settings(moto))
    assert (tmp_path / "v").read_bytes() == b"old"


@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_it_is_read_as_by_the_public(moto: str, tmp_path: Path) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(body=b"public"))
        fetch("s3://videos/v", tmp_path / "v", settings(server.url))
    assert (tmp_path / "v").read_bytes() == b"public"
    assert ["authorization" in request.headers for request in server.requests] == [False]


def test_what_the_role_may_not_read_is_read_as_by_the_public(tmp_path: Path) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(403, body=error("AccessDenied")), Reply(body=b"public"))
        fetch("s3://videos/v", tmp_path / "v", settings(server.url))
    assert ["authorization" in request.headers for request in server.requests] == [True, False]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://videos/missing", "비디오 파일을 다운로드할 수 없습니다: 404 Not Found"),
        ("s3://nowhere/v", "비디오 파일을 다운로드할 수 없습니다: 404 Not Found (there is no bucket nowhere)"),
        ("s3://videos/" + "k" * 3000, "비디오 파일을 다운로드할 수 없습니다"),
        ("s3://videos", "비디오 파일을 다운로드할 수 없습니다: an s3 URL is s3://bucket/key"),
    ],
)
def test_what_is_missing_is_told(moto: str, videos: Any, tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(UsageError) as failure:
        fetch(url, tmp_path / "v", settings(moto))
    assert failure.value.message.startswith(message)
    assert failure.value.code is ErrorCode.DOWNLOAD_ERROR


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (("AccessDenied", 403), "403 Forbidden .*s3:GetObject on s3://videos/v"),
        (("InvalidObjectState", 403), "archived"),
        (("PermanentRedirect", 301), "301"),
    ],
)
def test_a_refusal_says_what_to_do(tmp_path: Path, reply: tuple[str, int], words: str) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(reply[1], body=error(reply[0])))
        with pytest.raises(UsageError, match=words) as failure:
            fetch("s3://videos/v", tmp_path / "v", settings(server.url))
    assert "canary" not in failure.value.message


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ServiceUnavailable"])
def test_what_may_pass_is_tried_three_times(tmp_path: Path, code: str) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(503, body=error(code)))
        with pytest.raises(TransientError, match=r"503 Service Unavailable .*\(3 tries\)"):
            fetch("s3://videos/v", tmp_path / "v", settings(server.url))
    assert len(server.requests) == 3


def test_a_try_is_not_lost_on_a_connection_that_s3_closes(tmp_path: Path) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(503, body=error("SlowDown"), used_once=True), Reply(body=VIDEO))
        fetch("s3://videos/v", tmp_path / "v", settings(server.url, fetch_tries=2))
    assert (tmp_path / "v").read_bytes() == VIDEO


def test_an_answer_that_breaks_off_is_continued(tmp_path: Path) -> None:
    with MediaServer() as server:
        cut = Reply(headers={"ETag": '"v1"'}, pieces=[VIDEO[:1_500_000]], declared=len(VIDEO))
        server.serve("/videos/v", cut, Reply(body=VIDEO, ranges=True))
        fetch("s3://videos/v", tmp_path / "v", settings(server.url))
    assert (tmp_path / "v").read_bytes() == VIDEO
    assert server.requests[1].headers["if-match"] == '"v1"'


def test_an_object_that_changes_meanwhile_is_read_anew(tmp_path: Path) -> None:
    with MediaServer() as server:
        cut = Reply(headers={"ETag": '"v1"'}, pieces=[VIDEO[:1_500_000]], declared=len(VIDEO))
        changed = Reply(412, body=error("PreconditionFailed"))
        server.serve("/videos/v", cut, changed, Reply(headers={"ETag": '"v2"'}, body=b"new"))
        fetch("s3://videos/v", tmp_path / "v", settings(server.url))
    assert (tmp_path / "v").read_bytes() == b"new"


def test_an_object_beyond_the_limit_is_refused_and_nothing_is_left(moto: str, videos: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="larger than this server takes"):
        fetch("s3://videos/a/first video.mp4", tmp_path / "v", settings(moto, fetch_max_bytes=1_000_000))
    assert not (tmp_path / "v").exists()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes of a part, so that VIDEO has three."""
    monkeypatch.setattr("ecg_pipeline.fetch.s3.PART_BYTES", 2**20)
    return 2**20


def test_a_large_object_comes_in_parts(moto: str, videos: Any, tmp_path: Path, small_parts: int) -> None:
    seen: list[tuple[int, int | None]] = []
    source, target = "s3://videos/a/first%20video.mp4", tmp_path / "v"
    fetch(source, target, settings(moto), lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == VIDEO
    assert seen[-1] == (len(VIDEO), len(VIDEO))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_the_parts_are_those_of_one_version(moto: str, videos: Any, tmp_path: Path, small_parts: int) -> None:
    first = videos.list_object_versions(Bucket="videos", Prefix="a/first video.mp4")["Versions"][-1]["VersionId"]
    videos.put_object(Bucket="videos", Key="a/first video.mp4", Body=b"new" * 10**6)
    fetch(f"s3://videos/a/first%20video.mp4?versionId={first}", tmp_path / "v", settings(moto))
    assert (tmp_path / "v").read_bytes() == VIDEO


@pytest.mark.parametrize("bad", [Reply(503, body=b"<Error><Code>SlowDown</Code></Error>"), Reply(raw=b"")])
def test_after_a_part_that_fails_one_connection_reads_the_object(tmp_path: Path, small_parts: int, bad: Reply) -> None:
    whole = Reply(body=VIDEO, ranges=True)
    with MediaServer() as server:
        server.serve("/videos/v", whole, whole, bad, whole)
        fetch("s3://videos/v", tmp_path / "v", settings(server.url, fetch_connections=2))
    assert (tmp_path / "v").read_bytes() == VIDEO
    asked = [request.headers.get("range") for request in server.requests]
    assert asked[0] is None
    assert str(asked[1]).startswith("bytes=")
    assert "if-match" in server.requests[1].headers
    assert len(asked) > 3


def test_an_s3_that_refuses_all_parts_gives_the_object_to_the_second_try(tmp_path: Path, small_parts: int) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(body=VIDEO, ranges=True, no_parts=True))
        fetch("s3://videos/v", tmp_path / "v", settings(server.url, fetch_tries=2))
    assert (tmp_path / "v").read_bytes() == VIDEO


def test_parts_that_fail_every_time_are_given_up(tmp_path: Path, small_parts: int) -> None:
    with MediaServer() as server:
        server.serve("/videos/v", Reply(body=VIDEO, ranges=True), Reply(503, body=error("SlowDown")))
        with pytest.raises(TransientError, match=r"503 Service Unavailable .*\(3 tries\)"):
            fetch("s3://videos/v", tmp_path / "v", settings(server.url))


def test_what_the_progress_callback_raises_ends_the_parts(
    moto: str, videos: Any, tmp_path: Path, small_parts: int
) -> None:
    def cancel(done: int, total: int | None) -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError, match="cancelled"):
        fetch("s3://videos/a/first%20video.mp4", tmp_path / "v", settings(moto), cancel)
    assert not (tmp_path / "v").exists()


def test_results_are_no_videos(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="results"):
        fetch("s3://results/v", tmp_path / "v", settings("http://127.0.0.1:1", results_bucket="results"))


def test_only_the_named_buckets_are_read(moto: str, videos: Any, tmp_path: Path) -> None:
    fetch("s3://videos/a/first video.mp4", tmp_path / "v", settings(moto, s3_buckets=("videos", "more")))
    with pytest.raises(UsageError, match="this server reads no video from the bucket"):
        fetch("s3://others/v", tmp_path / "v", settings(moto, s3_buckets=("videos", "more")))


def test_an_s3_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match=r"S3 is not reached.*\(3 tries\)"):
        fetch("s3://videos/v", tmp_path / "v", settings("http://127.0.0.1:1"))


def error(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>canary</Message></Error>".encode()
