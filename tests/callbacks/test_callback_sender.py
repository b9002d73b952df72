"""Single tries against a real HTTP server."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from ecg_callbacks.body import FileResults
from ecg_callbacks.decision import next_callback
from ecg_callbacks.sender import CallbackSender, Delivered
from ecg_callbacks.target import CallbackPolicy
from ecg_callbacks.types import Due, Failure, JobFacts
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import ResultReference
from ecg_contract.result import AcousticFeatures, AnalysisResult, Segment, Word
from ecg_contract.retry_after import parse_retry_after
from ecg_contract.stages import Stage
from ecg_contract.wire.result import wire_json
from support.receiver import DROP, HANG, Answer, Received, Receiver
from support.wire_results import result_json

LOOPBACK = CallbackPolicy(allow=("127.0.0.1",))
RAW_KEY = b"a secret of thirty-two bytes now"
SECRET = "whsec_" + base64.b64encode(RAW_KEY).decode()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def sender() -> AsyncIterator[CallbackSender]:
    made = CallbackSender(FileResults(), LOOPBACK, SECRET)
    yield made
    await made.aclose()


def reference(path: Path) -> ResultReference:
    content = path.read_bytes()
    return ResultReference(
        location=str(path),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        segments=1,
        words=1,
        speakers=1,
        language="ko",
        duration=1.0,
        processing_time=1.0,
    )


def running(backend: Receiver) -> JobFacts:
    return JobFacts("u", "작업/1", backend.url, reached=(Stage.DOWNLOAD,))


def completed(backend: Receiver, path: Path) -> JobFacts:
    return replace(running(backend), terminal="completed", result=reference(path))


def due(facts: JobFacts) -> Due:
    record = DeliveryRecord() if facts.terminal is None else DeliveryRecord(settled=90)
    decision = next_callback(record, facts, NOW)
    assert isinstance(decision, Due)
    return decision


async def test_progress_has_the_specified_fields_only(backend: Receiver, sender: CallbackSender) -> None:
    facts = running(backend)
    assert await sender.send(due(facts), facts) == Delivered(200)
    (got,) = backend.requests
    assert (got.method, got.path) == ("POST", "/api/upload-video/result")
    assert got.headers["content-type"] == "application/json"
    assert got.json == {
        "job_id": "작업/1",
        "status": "processing",
        "progress": 10,
        "message": "비디오 다운로드 완료",
    }


async def test_a_failure_has_neither_progress_nor_message(backend: Receiver, sender: CallbackSender) -> None:
    facts = replace(
        running(backend),
        terminal="failed",
        error_code=ErrorCode.AUDIO_EXTRACTION_ERROR,
        error_message="오디오 추출 실패",
    )
    await sender.send(due(facts), facts)
    assert backend.requests[0].json == {
        "job_id": "작업/1",
        "status": "failed",
        "error_message": "오디오 추출 실패",
        "error_code": "AUDIO_EXTRACTION_ERROR",
    }


async def test_the_stored_result_is_passed_on_byte_for_byte(
    backend: Receiver, sender: CallbackSender, tmp_path: Path
) -> None:
    stored = tmp_path / "result.json"
    stored.write_bytes(result_json("안녕").replace(b"1.5", b" 1.50"))
    facts = completed(backend, stored)
    assert await sender.send(due(facts), facts) == Delivered(200)
    (got,) = backend.requests
    assert stored.read_bytes() in got.body
    assert got.json == {
        "job_id": "작업/1",
        "status": "completed",
        "progress": 100,
        "message": "분석 완료",
        "result": json.loads(result_json("안녕")),
    }


async def test_a_result_of_ten_megabytes_arrives_whole(
    backend: Receiver, sender: CallbackSender, tmp_path: Path
) -> None:
    stored = tmp_path / "result.json"
    stored.write_bytes(result_json("가" * (10 * 1024 * 1024 // 3)))
    facts = completed(backend, stored)
    assert await sender.send(due(facts), facts) == Delivered(200)
    (got,) = backend.requests
    assert len(got.body) > 10_000_000
    assert_signed(got)


FORGED = [
    result_json() + b',"job_id":"VICTIM","status":"failed","extra":' + b"1",
    result_json() + b"}",
    result_json()[:-1],
    result_json() + b" " + result_json(),
    b"[" + result_json() + b"]",
    result_json(extra=1),
    result_json().replace(b'"text"', b'"text": "", "text"'),
    result_json().replace(b'"text"', b'"other"'),
    result_json().replace(b"1.5", b"NaN"),
    result_json().replace(b"1.5", b"-Infinity"),
    result_json("\udcff".encode("utf-8", "surrogatepass").decode("latin-1")).replace("í".encode(), b"\xff"),
    b'"text"',
    b"",
]


@pytest.mark.parametrize("content", FORGED)
async def test_what_a_pod_stored_as_its_result_cannot_become_another_jobs_callback(
    content: bytes, backend: Receiver, sender: CallbackSender, tmp_path: Path
) -> None:
    """Its digest is the announced one: the pod announces what it likes."""
    stored = tmp_path / "result.json"
    stored.write_bytes(content)
    facts = completed(backend, stored)
    outcome = await sender.send(due(facts), facts)
    assert isinstance(outcome, Failure)
    assert outcome.error.startswith("not sent: the stored result is refused")
    assert backend.requests == []


async def test_what_is_not_a_number_never_reaches_the_backend(
    backend: Receiver, sender: CallbackSender, tmp_path: Path
) -> None:
    nan = float("nan")
    word = Word("a", nan, float("inf"), nan, "SPEAKER_00", AcousticFeatures(nan, float("-inf"), nan))
    segment = Segment(nan, nan, "a", "SPEAKER_00", [word])
    stored = tmp_path / "result.json"
    stored.write_bytes(wire_json(AnalysisResult([segment], 1.0, "auto", "en", "base", "cpu", nan)))
    facts = completed(backend, stored)
    await sender.send(due(facts), facts)
    assert backend.requests[0].json["result"]["word_segments"][0]["start_time"] == 0.0


@pytest.mark.parametrize("content", [b"{}", result_json("B"), None])
async def test_a_damaged_result_is_not_sent(
    content: bytes | None, backend: Receiver, sender: CallbackSender, tmp_path: Path
) -> None:
    stored = tmp_path / "result.json"
    stored.write_bytes(result_json("A"))
    facts = completed(backend, stored)
    stored.unlink() if content is None else stored.write_bytes(content)
    outcome = await sender.send(due(facts), facts)
    assert isinstance(outcome, Failure)
    assert "stored result" in outcome.error
    assert backend.requests == []


def assert_signed(got: Received) -> None:
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    expected = base64.b64encode(hmac.new(RAW_KEY, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60


async def test_the_signature_is_the_one_of_standard_webhooks(backend: Receiver, sender: CallbackSender) -> None:
    await sender.send(due(running(backend)), running(backend))
    assert_signed(backend.requests[0])


@pytest.mark.parametrize(
    ("host", "allow", "signed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.0/8", True),
        ("backend.example", "backend.example,127.0.0.0/8", True),
        ("named-by-a-caller.example", "127.0.0.0/8", False),
    ],
)
async def test_only_configured_destinations_get_a_signature(
    backend: Receiver, host: str, allow: str, signed: bool
) -> None:
    """Names resolve to the receiver; one that no setting names may be anybody's."""
    policy = CallbackPolicy(allow=tuple(allow.split(",")))
    sender = CallbackSender(FileResults(), policy, SECRET, resolve=lambda _host, _port: ["127.0.0.1"])
    facts = replace(running(backend), callback_base=backend.url.replace("127.0.0.1", host))
    assert isinstance(await sender.send(due(facts), facts), Delivered)
    await sender.aclose()
    assert ("webhook-signature" in backend.requests[0].headers) is signed


async def test_backend_url_is_a_configured_destination(backend: Receiver) -> None:
    sender = CallbackSender(FileResults(), CallbackPolicy(backend_url=backend.url), SECRET)
    await sender.send(due(running(backend)), running(backend))
    await sender.aclose()
    assert_signed(backend.requests[0])


async def test_without_a_secret_there_is_no_signature(backend: Receiver) -> None:
    sender = CallbackSender(FileResults(), LOOPBACK)
    await sender.send(due(running(backend)), running(backend))
    await sender.aclose()
    assert "webhook-signature" not in backend.requests[0].headers
    assert backend.requests[0].headers["webhook-id"].startswith("msg_")


def test_a_malformed_secret_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="CALLBACK_SECRET"):
        CallbackSender(FileResults(), LOOPBACK, "whsec_!")


@pytest.mark.parametrize("base_end", ["/prefix", "/prefix/", "/"])
async def test_a_path_prefix_and_a_trailing_slash_are_kept(
    base_end: str, backend: Receiver, sender: CallbackSender
) -> None:
    facts = replace(running(backend), callback_base=backend.url + base_end)
    await sender.send(due(facts), facts)
    assert backend.requests[0].path == base_end.rstrip("/") + "/api/upload-video/result"


async def test_a_redirect_is_a_failure_and_not_followed(backend: Receiver, sender: CallbackSender) -> None:
    backend.script(Answer(307, {"Location": backend.url + "/elsewhere"}))
    outcome = await sender.send(due(running(backend)), running(backend))
    assert outcome == Failure("HTTP 307", 307)
    assert len(backend.requests) == 1


async def test_a_dropped_connection_is_a_failure_and_the_next_try_has_the_same_id(
    backend: Receiver, sender: CallbackSender
) -> None:
    backend.script(DROP)
    facts = running(backend)
    first, second = await sender.send(due(facts), facts), await sender.send(due(facts), facts)
    assert first == Failure("connection closed without an answer")
    assert second == Delivered(200)
    assert len({got.headers["webhook-id"] for got in backend.requests}) == 1


async def test_a_refused_connection_is_a_failure(backend: Receiver, sender: CallbackSender) -> None:
    backend.refuse()
    assert await sender.send(due(running(backend)), running(backend)) == Failure("connection failed")


async def test_a_backend_that_hangs_is_given_up_in_time(backend: Receiver) -> None:
    backend.answer(HANG)
    sender = CallbackSender(FileResults(), LOOPBACK, total_s=0.3)
    async with asyncio.timeout(20):
        outcome = await sender.send(due(running(backend)), running(backend))
    await sender.aclose()
    assert outcome == Failure("no answer within 0.3 s")


async def test_an_answer_without_end_is_not_read(backend: Receiver, sender: CallbackSender) -> None:
    backend.script(Answer(200, {"Content-Length": str(10**12)}, b"x" * 1_000_000))
    assert await asyncio.wait_for(sender.send(due(running(backend)), running(backend)), 5) == Delivered(200)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_acknowledges(status: int, backend: Receiver, sender: CallbackSender) -> None:
    backend.script(Answer(status, body=b""))
    assert await sender.send(due(running(backend)), running(backend)) == Delivered(status)


@pytest.mark.parametrize(("status", "final"), [(404, False), (413, True), (410, True), (500, False)])
async def test_only_gone_and_too_large_are_final(
    status: int, final: bool, backend: Receiver, sender: CallbackSender
) -> None:
    backend.script(Answer(status))
    outcome = await sender.send(due(running(backend)), running(backend))
    assert isinstance(outcome, Failure)
    assert (outcome.http_status, outcome.is_final) == (status, final)


async def test_retry_after_comes_with_the_failure(backend: Receiver, sender: CallbackSender) -> None:
    backend.script(Answer(429, {"Retry-After": "7"}))
    outcome = await sender.send(due(running(backend)), running(backend))
    assert outcome == Failure("HTTP 429", 429, timedelta(seconds=7))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("9" * 400, 10**8),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert parse_retry_after(value, NOW) == expected


async def test_a_proxy_of_the_environment_is_not_used(backend: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    sender = CallbackSender(FileResults(), LOOPBACK)
    assert await sender.send(due(running(backend)), running(backend)) == Delivered(200)
    await sender.aclose()
