"""POST /transcribe: JSON and uploads, the response body, the wait limit, a client that disconnects."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecg_api.http.app import create_app
from ecg_api.ports import JobKind, JobState
from ecg_api.settings import Settings
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.languages import Language
from ecg_contract.wire.result import wire_json
from support.fake_store import FakeStore
from support.wire_results import result_json, small_result, stored_result

MEDIA = b"\x00\x01RIFF" * 1000


async def _complete(store: FakeStore, folder: Path) -> None:
    await store.move(await store.submitted(), JobState.COMPLETED, result=stored_result(folder))


async def test_a_url_is_answered_with_the_specifications_envelope(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path
) -> None:
    body = {"video_path": "s3://bucket/video.mp4", "audio_path": "s3://bucket/audio.wav", "language": "ko"}
    answer, _ = await asyncio.gather(client.post("/transcribe", json=body), _complete(store, tmp_path))
    envelope = answer.json()
    processed_at = envelope["metadata"].pop("processed_at")
    assert answer.status_code == 200
    assert processed_at.endswith("Z")
    assert list(envelope) == [
        "success", "metadata", "speakers", "segments", "processing_time", "error", "error_code"
    ]  # fmt: skip
    assert envelope["metadata"] == {
        "filename": "audio.wav",
        "duration": 120.5,
        "total_segments": 1,
        "unique_speakers": 1,
        "processing_time": 32.1,
        "language_requested": "ko",
        "language_detected": "ko",
        "processing_mode": "targeted",
    }
    assert envelope["segments"][0]["words"][0]["acoustic_features"]["pitch_hz"] == 150.0
    assert envelope["speakers"] == {"SPEAKER_00": {"total_duration": 1.7, "segment_count": 1}}
    assert (envelope["success"], envelope["error"], envelope["error_code"]) == (True, None, None)


async def test_a_failed_analysis_is_a_200_that_says_so(client: httpx.AsyncClient, store: FakeStore) -> None:
    async def fail() -> None:
        error = PipelineError(code=ErrorCode.AUDIO_EXTRACTION_ERROR, message="오디오 추출 실패: no audio")
        await store.move(await store.submitted(), JobState.FAILED, error=error)

    answer, _ = await asyncio.gather(client.post("/transcribe", json={"video_url": "s3://bucket/v.mp4"}), fail())
    envelope = answer.json()
    assert answer.status_code == 200
    assert (envelope["success"], envelope["error_code"]) == (False, "AUDIO_EXTRACTION_ERROR")
    assert (envelope["error"], envelope["segments"]) == ("오디오 추출 실패: no audio", None)


async def test_an_upload_is_stored_and_analysed_with_its_fields(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path
) -> None:
    request = client.post(
        "/transcribe",
        files={"file": ("C:\\clips\\회의.wav", MEDIA, "audio/wav")},
        data={
            "language": "KO",
            "emotion_detection": "false",
            "enable_gpu": "",
            "num_speakers": "2",
            "max_speakers": "",
            "vocabulary": "회의, 보고서",
        },
    )
    answer, _ = await asyncio.gather(request, _complete(store, tmp_path))
    submission = store.jobs[answer.headers["x-job-id"]].submission
    assert answer.json()["metadata"]["filename"] == "회의.wav"
    assert submission.source.path is not None
    assert submission.source.path.read_bytes() == MEDIA
    assert submission.kind is JobKind.TRANSCRIPTION
    assert (submission.options.num_speakers, submission.options.max_speakers) == (2, None)
    assert submission.options.vocabulary == "회의, 보고서"
    assert (submission.options.language, submission.options.emotion_detection, submission.options.enable_gpu) == (
        Language.KO,
        False,
        True,
    )


async def test_a_form_may_name_a_url_instead_of_a_file(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path
) -> None:
    request = client.post("/transcribe", files={"video_url": (None, b"s3://bucket/v.mp4")})
    answer, _ = await asyncio.gather(request, _complete(store, tmp_path))
    assert answer.json()["metadata"]["filename"] == "v.mp4"


def _form(*parts: bytes, end: bytes = b"--B--\r\n") -> dict[str, Any]:
    body = b"".join(b"--B\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + end
    return {"content": body, "headers": {"content-type": "multipart/form-data; boundary=B"}}


_FILE = b'name="file"; filename="a.wav"\r\n\r\n' + MEDIA


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (_form(b'name="file"; filename="a.wav"\r\n\r\n'), "file: is empty"),
        (_form(_FILE, b'name="language"\r\n\r\nxx'), "language: must be 'auto', 'ko', 'en', 'ja', 'zh' or the code"),
        (_form(_FILE, _FILE), "file: only one file is taken"),
        (_form(_FILE, b'name="language"\r\n\r\n\xff'), "body: the form's fields must be UTF-8"),
        (_form(_FILE, b'name="x"\r\n\r\n' + b"x" * 70_000), "body: the form's fields are too long"),
        (_form(*[b'name="x"\r\n\r\n'] * 40), "body: has more than 32 parts"),
        (_form(_FILE, end=b""), "ends before its last boundary"),
        (_form(b'name="video_url"\r\n\r\n'), "one of audio_path, video_url, video_path is required"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, "needs a boundary"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=B"}}, "not valid"),
    ],
)
async def test_a_bad_form_is_refused_and_leaves_no_file(
    client: httpx.AsyncClient, store: FakeStore, request_: dict[str, Any], message: str
) -> None:
    answer = await client.post("/transcribe", **request_)
    assert answer.status_code == 422
    assert message in answer.json()["detail"]
    assert not list(store.folder.iterdir())


async def test_an_upload_over_the_limit_is_refused_while_it_comes(store: FakeStore) -> None:
    app = create_app(Settings(max_upload_bytes=3_000_000), store, uploads=store)
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while True:
            sent += 100_000
            yield b"x" * 100_000

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        headers = {"content-type": "multipart/form-data; boundary=B"}
        answer = await client.post("/transcribe", content=endless(), headers=headers)
    assert answer.status_code == 413
    assert sent < 4_000_000
    assert not list(store.folder.iterdir())


async def test_a_refused_upload_leaves_no_file(client: httpx.AsyncClient, store: FakeStore) -> None:
    store.max_waiting = 0
    answer = await client.post("/transcribe", files={"file": ("a.wav", MEDIA)})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert not list(store.folder.iterdir())


async def test_a_host_without_room_for_uploads_says_so(store: FakeStore, settings: Settings) -> None:
    transport = httpx.ASGITransport(create_app(settings, store))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        answer = await client.post("/transcribe", files={"file": ("a.wav", MEDIA)})
    assert answer.status_code == 501
    assert "bucket" in answer.json()["detail"]


async def test_the_wait_limit_cancels_the_job(store: FakeStore) -> None:
    transport = httpx.ASGITransport(create_app(Settings(transcribe_wait_s=0.05), store))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        answer = await client.post("/transcribe", json={"video_url": "s3://bucket/v.mp4"})
    assert (answer.json()["error_code"], answer.json()["error"]) == ("PROCESSING_ERROR", "처리 시간이 초과되었습니다")
    assert store.jobs[answer.headers["x-job-id"]].view.state is JobState.CANCELLED


async def test_a_removed_job_ends_the_wait(client: httpx.AsyncClient, store: FakeStore) -> None:
    async def remove() -> None:
        await client.delete(f"/jobs/{await store.submitted()}")

    answer, _ = await asyncio.gather(client.post("/transcribe", json={"video_url": "s3://bucket/v.mp4"}), remove())
    assert (answer.status_code, answer.json()["error_code"]) == (200, "PROCESSING_ERROR")


async def test_a_job_whose_client_left_is_cancelled(store: FakeStore, settings: Settings) -> None:
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    await messages.put({"type": "http.request", "body": b'{"video_url": "s3://bucket/v.mp4"}'})

    async def send(message: Any) -> None:
        pass

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/transcribe",
        "raw_path": b"/transcribe",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    app = create_app(settings, store)
    answering = asyncio.ensure_future(app(scope, messages.get, send))
    job_id = await store.submitted()
    await messages.put({"type": "http.disconnect"})
    async with asyncio.timeout(2):
        await answering
    assert store.jobs[job_id].view.state is JobState.CANCELLED


@pytest.mark.parametrize("field", ["audio_path", "video_url", "video_path"])
async def test_a_bare_path_is_refused_by_the_name_of_its_field(client: httpx.AsyncClient, field: str) -> None:
    answer = await client.post("/transcribe", json={field: "/etc/passwd"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}: is a local path, which is not read")


async def test_uploads_beyond_the_limit_are_told_to_come_back(store: FakeStore, tmp_path: Path) -> None:
    """The first upload's client sends slowly; what it sent is not lost."""
    settings = Settings(max_uploads=1, transcribe_wait_s=5)
    begun, go_on = asyncio.Event(), asyncio.Event()
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="talk.wav"\r\n\r\n' + MEDIA

    async def slowly() -> AsyncIterator[bytes]:
        yield head
        begun.set()
        await go_on.wait()
        yield b"\r\n--b--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=b"}
    app = create_app(settings, store, uploads=store)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        first = asyncio.create_task(client.post("/transcribe", content=slowly(), headers=headers))
        await begun.wait()
        second = await client.post("/transcribe", files={"file": ("b.wav", MEDIA)})
        assert (second.status_code, second.headers["content-type"]) == (429, "application/problem+json")
        assert int(second.headers["retry-after"]) > 0
        go_on.set()
        await _complete(store, tmp_path)
        assert (await first).json()["success"] is True


async def test_a_request_that_a_stop_cuts_off_is_answered_in_the_contracts_form(store: FakeStore) -> None:
    app = create_app(Settings(), store, uploads=store)
    context = app.state.context
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        waiting = asyncio.create_task(client.post("/transcribe", json={"video_url": "s3://bucket/v.mp4"}))
        job_id = await store.submitted()
        context.shutdown.begun.set()
        assert (await client.get("/health/ready")).json() == {"ready": False, "missing": ["the server is stopping"]}
        context.shutdown.over.set()
        answer = await waiting
    assert answer.status_code == 503
    assert answer.json()["detail"] == f"the server is stopping; the job goes on: GET /jobs/{job_id}"
    assert store.jobs[job_id].view.state is not JobState.CANCELLED


async def test_a_result_of_another_shape_is_a_failure_that_is_told(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path
) -> None:
    stored = tmp_path / "result.json"
    stored.write_bytes(result_json(metadata=[], segments=3))

    async def complete() -> None:
        await store.move(await store.submitted(), JobState.COMPLETED, result=stored)

    answer, _ = await asyncio.gather(client.post("/transcribe", json={"video_url": "s3://bucket/v.mp4"}), complete())
    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert answer.json()["error_code"] == "PROCESSING_ERROR"


async def test_the_notes_of_the_result_are_in_the_metadata(
    client: httpx.AsyncClient, store: FakeStore, tmp_path: Path
) -> None:
    path = tmp_path / "noted.json"
    path.write_bytes(wire_json(replace(small_result(), notes=("no speech was found",))))

    async def complete() -> None:
        await store.move(await store.submitted(), JobState.COMPLETED, result=path)

    answer, _ = await asyncio.gather(client.post("/transcribe", json={"video_url": "s3://bucket/v.mp4"}), complete())
    assert answer.json()["metadata"]["notes"] == ["no speech was found"]
