"""Every refusal is problem+json that says what is wrong and what is allowed, and repeats no input value."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

PATH = "/api/upload-video/process-video"
BODY = {"job_id": "j", "video_url": "https://example.com/v.mp4"}
JSON = {"content-type": "application/json"}


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert answer.status_code == problem["status"] == status
    assert {"type", "title", "status", "detail"} <= problem.keys()
    return problem


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("language", "xx", "'auto', 'ko', 'en', 'ja', 'zh' or the code of another"),
        ("max_workers", 0, "greater than or equal to 1"),
        ("max_workers", 10**9, "less than or equal to 64"),
        ("job_id", None, "valid string"),
        ("video_url", "/data/v.mp4", "allowed are http, https and s3 URLs"),
        ("video_url", "file:///etc/passwd", "allowed are http, https and s3 URLs"),
        ("video_url", "https://h/" + "x" * 9000, "at most 8192"),
        ("enable_gpu", "perhaps", "valid boolean"),
    ],
)
async def test_a_wrong_value_is_named_with_what_is_allowed(
    client: httpx.AsyncClient, field: str, value: Any, allowed: str
) -> None:
    problem = _problem(await client.post(PATH, json={**BODY, field: value}), 422)
    assert problem["errors"][0]["field"] == field
    assert allowed in problem["errors"][0]["message"]
    assert problem["detail"].startswith(f"{field}: ")


async def test_every_wrong_field_is_named(client: httpx.AsyncClient) -> None:
    problem = _problem(await client.post(PATH, json={"language": "xx"}), 422)
    assert {e["field"] for e in problem["errors"]} == {"job_id", "video_url", "language"}


async def test_the_language_may_be_in_capitals(client: httpx.AsyncClient) -> None:
    assert (await client.post(PATH, json={**BODY, "language": "KO"})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe{}", b"[" * 60_000, b'{"a":' * 10_000, b"\x00" * 100],
    ids=lambda body: repr(body[:8]),
)
async def test_what_is_no_json_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    _problem(await client.post(PATH, content=body, headers=JSON), 422)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
async def test_another_content_type_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post(PATH, content=json.dumps(BODY), headers={"content-type": content_type})
    assert "application/json" in _problem(answer, 415)["detail"]


async def test_a_declared_length_over_the_limit_is_refused_unread(client: httpx.AsyncClient) -> None:
    problem = _problem(await client.post(PATH, content=b"x" * 70_000, headers=JSON), 413)
    assert problem["detail"] == "the body is longer than 65536 bytes"


async def test_an_endless_body_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b" " * 1000

    _problem(await client.post(PATH, content=endless(), headers=JSON), 413)
    assert sent < 70_000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", PATH, 405),
        ("PUT", "/jobs/x", 405),
        ("GET", "/jobs?limit=0", 422),
        ("POST", "/health", 405),
    ],
)
async def test_wrong_paths_and_methods_are_problems_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    _problem(await client.request(method, path), status)


async def test_a_credential_in_a_refused_url_is_not_repeated(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    body = {"job_id": "j", "video_url": "ftp://user:hunter2@h/v?token=hunter2", "language": "hunter2"}
    for part in (body, {**body, "language": "ko"}):
        answer = await client.post(PATH, json=part)
        assert answer.status_code == 422
        assert "hunter2" not in answer.text
    assert not [r for r in caplog.records if "hunter2" in repr(r.__dict__)]


async def test_an_error_nobody_foresaw_is_a_bare_500(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr("ecg_api.http.routes.videos.checked_source", fail)
    problem = _problem(await client.post(PATH, json=BODY), 500)
    assert problem["detail"] == "an internal error; the server's log has it"
    (record,) = [r for r in caplog.records if r.message == "internal_error"]
    assert record.__dict__["error"] == "ValueError"
    assert "hunter2" not in repr(record.__dict__)
