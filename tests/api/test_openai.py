"""OpenAI's endpoint, by OpenAI's own client package."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import webvtt

from ecg_api.http.app import create_app
from ecg_api.ports import JobState
from ecg_api.settings import Settings
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from support.fake_store import FakeStore
from support.wire_results import stored_result

SOUND = ("speech.wav", b"RIFF" + b"\0" * 2000)


@pytest.fixture
async def audio(settings: Settings, store: FakeStore) -> AsyncIterator[Any]:
    app = create_app(settings, store, uploads=store)
    async with openai.AsyncOpenAI(
        api_key="unused",
        base_url="http://localhost/v1",
        http_client=openai.DefaultAsyncHttpxClient(transport=_transport(app)),
        max_retries=0,
    ) as client:
        yield client.audio.transcriptions


def _transport(app: Any) -> Any:
    """Of the HTTP library that OpenAI's package uses."""
    for base in openai.DefaultAsyncHttpxClient.__mro__:
        if base.__module__.split(".")[0] in ("httpx", "httpx2"):
            return __import__(base.__module__.split(".")[0]).ASGITransport(app)
    raise AssertionError


async def ended(store: FakeStore, folder: Path) -> None:
    await store.move(await store.submitted(), JobState.COMPLETED, result=stored_result(folder))


async def test_json_and_text(audio: Any, store: FakeStore, tmp_path: Path) -> None:
    asked = audio.create(file=SOUND, model="whisper-1", language="ko", prompt="Ada Lovelace")
    answer, _ = await asyncio.gather(asked, ended(store, tmp_path))
    assert answer.text == "안녕하세요"
    (entry,) = store.jobs.values()
    assert (entry.submission.options.language, entry.submission.options.vocabulary) == ("ko", "Ada Lovelace")
    store.jobs.clear()
    text, _ = await asyncio.gather(
        audio.create(file=SOUND, model="any", response_format="text"), ended(store, tmp_path)
    )
    assert text == "안녕하세요\n"


async def test_verbose_json_has_segments_words_and_speakers(audio: Any, store: FakeStore, tmp_path: Path) -> None:
    asked = audio.create(
        file=SOUND, model="any", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    answer, _ = await asyncio.gather(asked, ended(store, tmp_path))
    assert (answer.language, float(answer.duration), answer.text) == ("ko", 120.5, "안녕하세요")
    assert [(word.word, word.start, word.end) for word in answer.words] == [("안녕하세요", 1.5, 1.8)]
    (segment,) = answer.segments
    assert (segment.id, segment.start, segment.end, segment.speaker) == (0, 1.5, 3.2, "SPEAKER_00")


@pytest.mark.parametrize("wanted", ["srt", "vtt"])
async def test_subtitles(audio: Any, store: FakeStore, tmp_path: Path, wanted: str) -> None:
    asked = audio.create(file=SOUND, model="any", response_format=wanted)
    subtitles, _ = await asyncio.gather(asked, ended(store, tmp_path))
    (cue,) = webvtt.from_buffer(io.StringIO(subtitles), wanted).captions
    assert (cue.start, "안녕하세요" in cue.text) == ("00:00:01.500", True)


async def test_a_failure_is_an_error_of_the_client(audio: Any, store: FakeStore) -> None:
    async def failed() -> None:
        error = PipelineError(code=ErrorCode.AUDIO_EXTRACTION_ERROR, message="no audio")
        await store.move(await store.submitted(), JobState.FAILED, error=error)

    asked = audio.create(file=SOUND, model="any")
    ending = asyncio.create_task(failed())
    with pytest.raises(openai.UnprocessableEntityError, match="AUDIO_EXTRACTION_ERROR: no audio"):
        await asked
    await ending


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"response_format": "docx"}, "response_format: Input should be 'json', 'text'"),
        ({"language": "xx"}, "language: must be 'auto'"),
        ({"temperature": "2"}, "temperature: Input should be less than or equal to 1"),
    ],
)
async def test_a_wrong_field_is_named_and_the_upload_discarded(
    client: httpx.AsyncClient, store: FakeStore, fields: dict[str, str], reason: str
) -> None:
    answer = await client.post("/v1/audio/transcriptions", data=fields, files={"file": SOUND})
    assert (answer.status_code, answer.json()["detail"][: len(reason)]) == (422, reason)
    assert list(store.folder.iterdir()) == []


async def test_a_form_with_a_file_is_needed(client: httpx.AsyncClient) -> None:
    path = "/v1/audio/transcriptions"
    assert (await client.post(path, json={})).status_code == 415
    empty = await client.post(path, files={"model": (None, "any")})
    assert (empty.status_code, empty.json()["detail"]) == (422, "file: is needed")
