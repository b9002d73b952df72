"""Any request is answered with a success or a 4xx, never with a 5xx or a hang."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from support.fake_store import FakeStore

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
URLS = st.sampled_from(
    ["s3://bucket/v.mp4", "https://h/v?X-Amz-Signature=1", "http://[", "http://h:x/", "s3:", "\ud800"]
)
FIELDS = {
    "job_id": st.text() | JSON_VALUES,
    "video_url": URLS | st.text() | JSON_VALUES,
    "audio_path": URLS | JSON_VALUES,
    "video_path": URLS | JSON_VALUES,
    "fastapi_base_url": URLS | st.just("https://b.example/x/") | st.text(),
    "language": st.sampled_from(["ko", "KO", "xx"]) | JSON_VALUES,
    "max_workers": st.integers() | JSON_VALUES,
    "enable_gpu": JSON_VALUES,
}
OBJECTS = st.fixed_dictionaries({}, optional=FIELDS)
BODIES = st.binary() | JSON_VALUES.map(_dump := json.dumps).map(str.encode) | OBJECTS.map(_dump).map(str.encode)
TYPES = st.sampled_from(["application/json"] * 3 + ["text/plain", "multipart/form-data; boundary=B", ""])


_TAKE_FORMS = ["/jobs", "/v1/audio/transcriptions"]


def _stays_below_jobs(raw: str) -> bool:
    """Clients resolve dot segments, and ask for another path then (RFC 3986, 5.2.4)."""
    return not {".", ".."} & set(raw.split("/"))


def _status(method: str, path: str, **request: Any) -> int:
    async def ask() -> int:
        with tempfile.TemporaryDirectory() as folder:
            store = FakeStore(Path(folder))
            app = create_app(Settings(transcribe_wait_s=0.001), store, uploads=store, redelivery=store)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
                return (await client.request(method, path, **request)).status_code

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ["/api/upload-video/process-video", "/transcribe", *_TAKE_FORMS])
@settings(max_examples=150, deadline=2000)
@given(body=BODIES, content_type=TYPES)
def test_no_body_gives_a_5xx(path: str, body: bytes, content_type: str) -> None:
    assert _status("POST", path, content=body, headers={"content-type": content_type}) in {200, 413, 415, 422}


@pytest.mark.parametrize("path", ["/transcribe", *_TAKE_FORMS])
@settings(max_examples=100, deadline=2000)
@given(parts=st.lists(st.binary(max_size=60), max_size=5), name=st.binary(max_size=20))
def test_no_form_gives_a_5xx(path: str, parts: list[bytes], name: bytes) -> None:
    start = b'--B\r\nContent-Disposition: form-data; name="f"; filename="' + name + b'"\r\n\r\n'
    body = start + b"\r\n--B".join([*parts, b"--\r\n"])
    headers = {"content-type": "multipart/form-data; boundary=B"}
    assert _status("POST", path, content=body, headers=headers) in {200, 202, 413, 422}


@settings(max_examples=100, deadline=2000)
@given(
    method=st.sampled_from(["GET", "DELETE", "POST", "PUT"]),
    raw=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#\\"), max_size=40).filter(
        _stays_below_jobs
    ),
)
def test_no_job_path_gives_a_5xx(method: str, raw: str) -> None:
    of_all_jobs = {"GET": {200}, "POST": {415}}.get(method, {405}) if not raw.strip("/") else None
    assert _status(method, f"/jobs/{raw}") in (of_all_jobs or {404, 405, 422})
