"""Bad media over HTTP: each job ends with its error code and message, and no credential is logged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.media_files import tone, write_silence, write_video, write_wav
from support.media_server import MediaServer, Reply
from support.pipeline_process import demo_environment
from support.receiver import Receiver
from support.server_process import ServerProcess
from support.sounds import noise

CANARY = "canary-credential"
EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code>'
    b"<Message>Request has expired</Message></Error>"
)
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:1/secret.ts\n#EXT-X-ENDLIST\n"
DOWNLOAD, EXTRACTION = "DOWNLOAD_ERROR", "AUDIO_EXTRACTION_ERROR"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServer]:
    folder = tmp_path_factory.mktemp("media")
    with MediaServer() as server:
        for path, reply in _replies(folder).items():
            server.serve(path, reply)
        yield server


def _replies(folder: Path) -> dict[str, Reply]:
    whole = write_video(folder / "whole.mp4", tone(2.0)).read_bytes()
    silent = write_video(folder / "no-sound.mp4", None, seconds=1.0).read_bytes()
    return {
        "/empty.mp4": Reply(body=b""),
        "/truncated.mp4": Reply(body=whole[: len(whole) // 2]),
        "/random.mp4": Reply(body=bytes(range(256)) * 64),
        "/page.mp4": Reply(body=b"<!DOCTYPE html><html><body>Sign in</body></html>"),
        "/playlist.mp4": Reply(body=PLAYLIST),
        "/no-sound.mp4": Reply(body=silent),
        "/gone.mp4": Reply(404),
        "/expired.mp4": Reply(403, {"Content-Type": "application/xml"}, EXPIRED),
        "/short.mp4": Reply(body=whole[:100], declared=len(whole)),
        "/huge.mp4": Reply(declared=20 * 1024**3),
        "/inside.mp4": Reply(302, {"Location": "http://169.254.169.254/latest/meta-data"}),
        "/silence.flac": Reply(body=write_silence(folder / "silence.flac", 0.02).read_bytes()),
        "/noise.wav": Reply(body=write_wav(folder / "noise.wav", noise(3.0)).read_bytes()),
        "/blink.wav": Reply(body=write_wav(folder / "blink.wav", tone(0.01)).read_bytes()),
    }


@pytest.fixture(scope="module")
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, backend: Receiver) -> Iterator[ServerProcess]:
    environment = demo_environment(BACKEND_URL=backend.url, FETCH_ALLOW="127.0.0.1", LOG_LEVEL="DEBUG")
    with ServerProcess(tmp_path_factory.mktemp("server"), environment) as started:
        yield started.start()


def outcome(server: ServerProcess, backend: Receiver, job_id: str, url: str) -> dict[str, object]:
    """The last callback of a job that is posted with a credential in its URL."""
    assert server.post(job_id, url).status_code == 200
    got = backend.wait_for(lambda got: any(r.json["job_id"] == job_id and r.mark[0] != "processing" for r in got), 120)
    return next(r.json for r in reversed(got) if r.json["job_id"] == job_id)


@pytest.mark.parametrize(
    ("path", "code", "part"),
    [
        ("/empty.mp4", EXTRACTION, "오디오 추출 실패"),
        ("/truncated.mp4", EXTRACTION, "오디오 추출 실패"),
        ("/random.mp4", EXTRACTION, "오디오 추출 실패"),
        ("/page.mp4", EXTRACTION, "오디오 추출 실패"),
        ("/playlist.mp4", EXTRACTION, "오디오 추출 실패"),
        ("/no-sound.mp4", EXTRACTION, "오디오 추출 실패"),
        ("/gone.mp4", DOWNLOAD, "비디오 파일을 다운로드할 수 없습니다: 404 Not Found"),
        ("/expired.mp4", DOWNLOAD, "비디오 파일을 다운로드할 수 없습니다: 403 Forbidden"),
        ("/short.mp4", DOWNLOAD, "비디오 파일을 다운로드할 수 없습니다"),
        ("/huge.mp4", DOWNLOAD, "비디오 파일을 다운로드할 수 없습니다"),
        ("/inside.mp4", DOWNLOAD, "FETCH_ALLOW"),
    ],
)
def test_bad_media_fails_with_its_code_and_says_why(
    server: ServerProcess, backend: Receiver, media: MediaServer, path: str, code: str, part: str
) -> None:
    last = outcome(server, backend, path[1:], f"{media.url}{path}?X-Amz-Signature={CANARY}")
    assert last["status"] == "failed"
    assert last["error_code"] == code
    assert part in str(last["error_message"])
    assert CANARY not in str(last)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/iam",
        "http://2130706433:1/v.mp4",
        "http://0x7f.1:1/v.mp4",
        "http://[::ffff:169.254.169.254]/v.mp4",
        "http://10.0.10.42/v.mp4",
        "http://localhost.:1/v.mp4",
    ],
)
def test_addresses_inside_are_refused(server: ServerProcess, backend: Receiver, url: str, tmp_path: Path) -> None:
    last = outcome(server, backend, tmp_path.name, url)
    assert (last["status"], last["error_code"]) == ("failed", DOWNLOAD)


@pytest.mark.parametrize("path", ["/silence.flac", "/noise.wav", "/blink.wav"])
def test_no_speech_is_a_result_without_segments(
    server: ServerProcess, backend: Receiver, media: MediaServer, path: str
) -> None:
    last = outcome(server, backend, path[1:], f"{media.url}{path}")
    assert last["status"] == "completed"
    result = last["result"]
    assert isinstance(result, dict)
    assert result["segments"] == []
    assert "whisperx_pipeline_no_result" in server.log.read_text()


def test_no_credential_is_in_the_log_at_debug_level(
    server: ServerProcess, backend: Receiver, media: MediaServer
) -> None:
    """Nor of the jobs before this one."""
    outcome(server, backend, "logged", f"{media.url}/no-sound.mp4?X-Amz-Signature={CANARY}")
    assert "audio_extraction_failed" in server.log.read_text()
    assert CANARY not in server.log.read_text()
