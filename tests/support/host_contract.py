"""What every host of the API keeps, whatever stores its jobs and runs their work.

A test module subclasses `HostContract` and offers the fixture `host`; the tests below are then its own.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import pytest

from ecg_contract.subtitles.formats import MEDIA_TYPES, TextFormat, write
from ecg_contract.subtitles.transcript import Transcript
from ecg_contract.wire.models import WireResult
from ecg_dev.waiting import wait_until_async

DEADLINE_S = 30
PATH = "/api/upload-video/process-video"
UNUSUAL_IDS = ["a/b", "a/result", "100%", "%2F", "🎬", "영상 1", "a?b#c", "..%2f", "x" * 256]


class Host(Protocol):
    """A running host, and control over the work behind it."""

    @property
    def client(self) -> httpx.AsyncClient: ...

    async def complete(self, job_id: str | None = None) -> None:
        """Complete the job, or the newest one, and wait until its status says so."""

    async def fail(self, job_id: str | None = None) -> None:
        """The same with AUDIO_EXTRACTION_ERROR."""


@dataclass(frozen=True)
class ToldHost:
    """A `Host` whose work runs in other processes and ends on `tell`."""

    client: httpx.AsyncClient
    tell: Callable[[str], None]
    """Takes `complete` or `fail`, for the running work or the next."""

    async def complete(self, job_id: str | None = None) -> None:
        self.tell("complete")
        await self._until_final(job_id)

    async def fail(self, job_id: str | None = None) -> None:
        self.tell("fail")
        await self._until_final(job_id)

    async def _until_final(self, job_id: str | None) -> None:
        """Without an id, returns at once: a transcription ends with its response."""
        if job_id is not None:

            async def is_final() -> bool:
                return await _state(self, job_id) != "processing"

            await wait_until_async(is_final, DEADLINE_S)


def body(job_id: str, **fields: object) -> dict[str, Any]:
    return {"job_id": job_id, "video_url": "https://media.example/v.mp4", **fields}


def accepted(job_id: str) -> dict[str, Any]:
    """The specification's answer to a video, to the letter, for an id that a URL holds as it is."""
    return {
        "job_id": job_id,
        "status": "processing",
        "message": "비디오 처리가 시작되었습니다",
        "status_url": f"/jobs/{job_id}",
        "estimated_time": 300,
    }


async def _state(host: Host, job_id: str) -> str:
    answer = await host.client.get(f"/jobs/{quote(job_id, safe='')}")
    return str(answer.json().get("status"))


def _events(stream: str) -> list[dict[str, str]]:
    """The fields of each event, without heartbeats."""
    blocks = [block for block in stream.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


class HostContract:
    """The tests; each gets a host without jobs."""

    async def test_a_video_is_answered_to_the_letter(self, host: Host) -> None:
        answer = await host.client.post(PATH, json=body("550e8400-e29b-41d4-a716-446655440000"))
        assert answer.status_code == 200
        assert answer.json() == accepted("550e8400-e29b-41d4-a716-446655440000")

    @pytest.mark.parametrize("job_id", UNUSUAL_IDS)
    async def test_any_id_can_be_read_and_removed_under_its_status_url(self, host: Host, job_id: str) -> None:
        url = (await host.client.post(PATH, json=body(job_id))).json()["status_url"]
        assert (await host.client.get(url)).json()["job_id"] == job_id
        assert (await host.client.delete(url)).status_code == 204
        assert (await host.client.get(url)).status_code == 404

    @pytest.mark.parametrize("path", ["/health", "/jobs/j", "/jobs?callback=undelivered"])
    async def test_head_is_answered_as_get_is(self, host: Host, path: str) -> None:
        await host.client.post(PATH, json=body("j"))
        head = await host.client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == "application/json"

    async def test_a_wrong_method_is_told_the_right_ones(self, host: Host) -> None:
        allowed = {"/jobs/j": "DELETE, GET, HEAD", "/health": "GET, HEAD", PATH: "POST"}
        for path, methods in allowed.items():
            answer = await host.client.put(path)
            assert (answer.status_code, answer.headers["allow"]) == (405, methods)

    async def test_a_slash_at_the_end_changes_nothing(self, host: Host) -> None:
        assert (await host.client.post(f"{PATH}/", json=body("j"))).json() == accepted("j")
        assert (await host.client.get("/jobs/j/")).json()["job_id"] == "j"
        assert (await host.client.get("/health/")).status_code == 200

    async def test_a_running_job_posted_again_stays_one_job(self, host: Host) -> None:
        answers = await asyncio.gather(*[host.client.post(PATH, json=body("one")) for _ in range(50)])
        assert {a.status_code for a in answers} == {200}
        assert len({a.text for a in answers}) == 1
        assert await _state(host, "one") == "processing"

    async def test_a_renewed_signature_is_the_same_body(self, host: Host) -> None:
        for signature in ("aa", "bb"):
            url = f"https://b.s3.amazonaws.com/v.mp4?X-Amz-Signature={signature}"
            assert (await host.client.post(PATH, json=body("j", video_url=url))).status_code == 200

    async def test_another_body_is_a_conflict_while_the_job_lives(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        assert (await host.client.post(PATH, json=body("j", language="ja"))).status_code == 409
        await host.complete("j")
        assert (await host.client.post(PATH, json=body("j", language="ja"))).status_code == 409
        assert await _state(host, "j") == "completed"

    async def test_a_completed_job_posted_again_is_answered_with_its_state_and_not_run_again(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        await host.complete("j")
        again = await host.client.post(PATH, json=body("j"))
        done = {"status": "completed", "message": "분석 완료", "estimated_time": 0}
        assert (again.status_code, again.json()) == (200, accepted("j") | done)
        assert await _state(host, "j") == "completed"

    @pytest.mark.parametrize("language", ["auto", "ja"])
    async def test_a_failed_job_posted_again_runs_again_with_the_body_given(self, host: Host, language: str) -> None:
        await host.client.post(PATH, json=body("j"))
        await host.fail("j")
        assert (await host.client.post(PATH, json=body("j", language=language))).status_code == 200
        assert await _state(host, "j") == "processing"
        await host.complete("j")
        assert await _state(host, "j") == "completed"

    async def test_a_completed_job_has_the_specified_status_and_a_result(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        early = await host.client.get("/jobs/j/result")
        assert (early.status_code, early.headers["content-type"]) == (409, "application/problem+json")
        await host.complete("j")
        status = (await host.client.get("/jobs/j")).json()
        assert (status["status"], status["progress"], status["stage"]) == ("completed", 100.0, "completed")
        assert status["completed_at"].endswith("Z")
        assert status["processing_time"] >= 0
        assert WireResult.model_validate_json((await host.client.get("/jobs/j/result")).content)

    @pytest.mark.parametrize(("wanted", "kind"), [(kind.value, name) for kind, name in MEDIA_TYPES.items()])
    async def test_a_result_comes_as_subtitles_and_as_text(self, host: Host, wanted: str, kind: str) -> None:
        job_id = "영상/1"
        url = (await host.client.post(PATH, json=body(job_id))).json()["status_url"]
        await host.complete(job_id)
        found = await host.client.get(f"{url}/result", params={"format": wanted})
        assert (found.status_code, found.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert found.headers["content-disposition"].endswith(f"%2F1.{wanted}")
        stored = Transcript.model_validate_json((await host.client.get(f"{url}/result?format=json")).content)
        assert found.text == write(stored, TextFormat(wanted))

    async def test_a_format_that_there_is_not_is_refused(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        await host.complete("j")
        refused = await host.client.get("/jobs/j/result?format=docx")
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")

    async def test_jobs_are_listed_and_filtered(self, host: Host) -> None:
        await host.client.post(PATH, json=body("first"))
        await host.complete("first")
        await host.client.post(PATH, json=body("second"))
        page = (await host.client.get("/jobs?limit=1")).json()
        rest = (await host.client.get("/jobs", params={"limit": 1, "cursor": page["cursor"]})).json()
        found = [*page["jobs"], *rest["jobs"]]
        assert {job["job_id"] for job in found} == {"first", "second"}
        assert all(job["submitted_at"].endswith("Z") for job in found)
        assert rest["cursor"] is None

        async def is_listed() -> bool:
            done = (await host.client.get("/jobs?state=completed&state=failed")).json()["jobs"]
            return [job["job_id"] for job in done] == ["first"]

        await wait_until_async(is_listed, DEADLINE_S)  # where a watch tells the host of it
        assert (await host.client.get("/jobs?since=2100-01-01")).json() == {"jobs": [], "cursor": None}

    @pytest.mark.parametrize("query", ["state=done", "limit=0", "limit=201", "since=now", "since=0.5", "cursor=x"])
    async def test_a_list_that_cannot_be_made_is_refused(self, host: Host, query: str) -> None:
        refused = await host.client.get(f"/jobs?{query}")
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")

    async def test_a_cancelled_job_is_kept_and_a_completed_one_is_not_cancelled(self, host: Host) -> None:
        for job_id in ("done", "unwanted"):
            await host.client.post(PATH, json=body(job_id))
            if job_id == "done":
                await host.complete("done")
        for _ in range(2):
            answer = await host.client.post("/jobs/unwanted/cancel")
            assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert await _state(host, "unwanted") == "cancelled"
        assert (await host.client.post("/jobs/done/cancel")).status_code == 409
        assert (await host.client.post("/jobs/nobody/cancel")).status_code == 404

    async def test_a_failed_job_is_retried(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j", metadata={"project": "atlas"}))
        assert (await host.client.post("/jobs/j/retry")).status_code == 409
        await host.fail("j")
        again = await host.client.post("/jobs/j/retry")
        assert (again.status_code, again.json()["status"], again.json()["error"]) == (202, "processing", None)
        await host.complete("j")
        assert (await host.client.get("/jobs/j")).json()["metadata"] == {"project": "atlas"}
        assert (await host.client.post("/jobs/j/retry")).status_code == 409
        assert (await host.client.post("/jobs/nobody/retry")).status_code == 404

    async def test_a_video_may_be_in_any_language_and_have_metadata(self, host: Host) -> None:
        for job_id, metadata in (("j", {"project": "atlas:1"}), ("other", {})):
            answer = await host.client.post(PATH, json=body(job_id, language="FR", metadata=metadata))
            assert answer.status_code == 200, answer.text
            await host.complete(job_id)
        found = (await host.client.get("/jobs", params={"metadata": "project:atlas:1"})).json()["jobs"]
        assert [job["job_id"] for job in found] == ["j"]

    async def test_the_tries_of_callbacks_can_be_read(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        answer = (await host.client.get("/jobs/j/callbacks")).json()
        assert (answer["callback"]["state"] in {"disabled", "pending"}, answer["tries"]) == (True, [])
        assert (await host.client.get("/jobs/nobody/callbacks")).status_code == 404

    async def test_the_attempts_can_be_read(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        await host.complete("j")
        (attempt,) = (await host.client.get("/jobs/j/attempts")).json()["attempts"]
        assert (attempt["number"], attempt["outcome"]) == (1, "completed")
        assert attempt["started_at"] <= attempt["ended_at"]
        assert (await host.client.get("/jobs/nobody/attempts")).status_code == 404

    async def test_a_job_is_followed_to_its_end(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        followed, _ = await asyncio.gather(host.client.get("/jobs/j/events", timeout=30), host.complete("j"))
        assert followed.headers["content-type"].startswith("text/event-stream")
        seen = _events(followed.text)
        assert [event["event"] for event in seen] == ["status"] * len(seen)
        told = [json.loads(event["data"]) for event in seen]
        assert {status["job_id"] for status in told} == {"j"}
        assert [status["status"] for status in told[:-1]] == ["processing"] * (len(told) - 1)
        assert told[-1]["status"] == "completed"
        again = await host.client.get("/jobs/j/events", headers={"last-event-id": seen[-1]["id"]})
        assert again.text == "", "nothing that the client does not know"
        assert _events((await host.client.get("/jobs/j/events")).text)[0]["id"] == seen[-1]["id"]
        assert (await host.client.get("/jobs/nobody/events")).status_code == 404

    async def test_a_failed_job_says_why(self, host: Host) -> None:
        await host.client.post(PATH, json=body("j"))
        await host.fail("j")
        status = (await host.client.get("/jobs/j")).json()
        assert (status["status"], status["error"]["code"]) == ("failed", "AUDIO_EXTRACTION_ERROR")
        assert status["error"]["message"].startswith("오디오 추출 실패")
        assert (await host.client.get("/jobs/j/result")).status_code == 409

    async def test_an_unknown_job_is_a_404(self, host: Host) -> None:
        for method, end in (("GET", ""), ("GET", "/result"), ("DELETE", ""), ("POST", "/callback/redeliver")):
            assert (await host.client.request(method, f"/jobs/nobody{end}")).status_code == 404

    async def test_a_transcription_is_answered_with_its_result(self, host: Host) -> None:
        asked = host.client.post("/transcribe", json={"video_url": "https://media.example/v.mp4"})
        answer, _ = await asyncio.gather(asked, host.complete())
        envelope = answer.json()
        assert (answer.status_code, envelope["success"], envelope["error"]) == (200, True, None)
        assert envelope["metadata"]["filename"] == "v.mp4"
        assert envelope["segments"]

    async def test_a_failed_transcription_is_a_200_that_says_so(self, host: Host) -> None:
        asked = host.client.post("/transcribe", json={"audio_path": "s3://bucket/a.wav"})
        answer, _ = await asyncio.gather(asked, host.fail())
        envelope = answer.json()
        assert (answer.status_code, envelope["success"]) == (200, False)
        assert (envelope["error_code"], envelope["segments"]) == ("AUDIO_EXTRACTION_ERROR", None)

    async def test_an_uploaded_file_is_transcribed(self, host: Host) -> None:
        asked = host.client.post("/transcribe", files={"file": ("회의.wav", b"RIFF" * 1000, "audio/wav")})
        answer, _ = await asyncio.gather(asked, host.complete())
        assert answer.json()["metadata"]["filename"] == "회의.wav"

    async def test_an_upload_is_analysed_without_anybody_waiting(self, host: Host) -> None:
        form = {"language": "ko", "metadata": '{"project": "atlas"}'}
        sent = await host.client.post("/jobs", data=form, files={"file": ("a.wav", b"RIFF")})
        job = sent.json()
        assert (sent.status_code, job["status"], job["metadata"]) == (202, "processing", {"project": "atlas"})
        await host.complete(job["job_id"])
        assert (await host.client.get(f"/jobs/{job['job_id']}/result")).status_code == 200
        empty = await host.client.post("/jobs", files={"language": (None, "ko")})
        assert (empty.status_code, empty.json()["detail"]) == (422, "file: is needed")
        assert (await host.client.post("/jobs", json={})).status_code == 415

    async def test_bad_input_is_refused_by_name(self, host: Host) -> None:
        for fields in ({"language": "xx"}, {"max_workers": 0}, {"video_url": "file:///etc/passwd"}):
            answer = await host.client.post(PATH, json=body("j", **fields))
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == next(iter(fields))
        assert (await host.client.get("/jobs/j")).status_code == 404

    async def test_a_healthy_host_says_so(self, host: Host) -> None:
        assert set((await host.client.get("/health")).json()) == {"status", "timestamp"}
        assert (await host.client.get("/health/live")).status_code == 200
