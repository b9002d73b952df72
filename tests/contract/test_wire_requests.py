"""Requests: the specification's defaults, unknown fields ignored, wrong values refused by name."""

from typing import Any

import pytest
from pydantic import ValidationError

from ecg_contract.languages import Language
from ecg_contract.wire.models import ProcessVideoRequest, ProcessVideoResponse, status_url
from ecg_contract.wire.transcription import TranscribeRequest

MINIMAL = {"job_id": "550e8400-e29b-41d4-a716-446655440000", "video_url": "https://example.com/v.mp4"}


def test_a_minimal_request_has_the_defaults_of_the_specification() -> None:
    request = ProcessVideoRequest.model_validate(MINIMAL)
    assert request.model_dump() == {
        **MINIMAL,
        "fastapi_base_url": None,
        "enable_gpu": True,
        "emotion_detection": True,
        "language": "auto",
        "max_workers": 4,
        "priority": 0,  # an addition, as the hints are
        "num_speakers": None,
        "min_speakers": None,
        "max_speakers": None,
        "vocabulary": "",
        "metadata": {},
    }


@pytest.mark.parametrize(
    "counts",
    [
        {"min_speakers": 3, "max_speakers": 2},
        {"num_speakers": 3, "max_speakers": 2},
        {"num_speakers": 1, "min_speakers": 2},
    ],
)
def test_counts_of_speakers_that_exclude_each_other_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="num_speakers must lie between min_speakers and max_speakers"):
        ProcessVideoRequest.model_validate({**MINIMAL, **counts})


@pytest.mark.parametrize("counts", [{"min_speakers": 2}, {"num_speakers": 2, "min_speakers": 2, "max_speakers": 2}])
def test_counts_of_speakers_that_are_possible_are_taken(counts: dict[str, int]) -> None:
    assert ProcessVideoRequest.model_validate({**MINIMAL, **counts})


def test_unknown_fields_are_ignored() -> None:
    request = ProcessVideoRequest.model_validate({**MINIMAL, "callback_secret": "x"})
    assert not hasattr(request, "callback_secret")


@pytest.mark.parametrize("language", ["KO", " ko ", "Ko"])
def test_the_case_of_a_language_does_not_matter(language: str) -> None:
    assert ProcessVideoRequest.model_validate({**MINIMAL, "language": language}).language is Language.KO


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("language", "xx", "'auto', 'ko', 'en', 'ja', 'zh' or the code of another"),
        ("language", None, "'auto', 'ko', 'en', 'ja', 'zh' or the code of another"),
        ("max_workers", 0, "greater than or equal to 1"),
        ("max_workers", 10**9, "less than or equal to 64"),
        ("job_id", "", "at least 1 character"),
        ("job_id", "x" * 10_000, "at most 256 characters"),
        ("job_id", "a\r\nb", "control characters"),
        ("job_id", "a\x85b", "control characters"),
        ("job_id", "\ud800", "unicode string"),
        ("job_id", "..", "URL path"),
        ("job_id", 7, "valid string"),
        ("video_url", "", "at least 1 character"),
        ("enable_gpu", "perhaps", "valid boolean"),
        ("num_speakers", 0, "greater than or equal to 1"),
        ("max_speakers", 101, "less than or equal to 100"),
        ("vocabulary", "x" * 601, "at most 600 characters"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        ProcessVideoRequest.model_validate({**MINIMAL, field: value})
    (error,) = refusal.value.errors()
    assert error["loc"] == (field,)
    assert allowed in error["msg"]


@pytest.mark.parametrize("job_id", ["a/b", "영상 1", "🎬", "..%2f", "x" * 256])
def test_unusual_job_ids_are_taken_as_they_are(job_id: str) -> None:
    assert ProcessVideoRequest.model_validate({**MINIMAL, "job_id": job_id}).job_id == job_id


def test_the_answer_is_the_one_of_the_specification() -> None:
    answer = ProcessVideoResponse(job_id="550e8400", status_url=status_url("550e8400"))
    assert answer.model_dump() == {
        "job_id": "550e8400",
        "status": "processing",
        "message": "비디오 처리가 시작되었습니다",
        "status_url": "/jobs/550e8400",
        "estimated_time": 300,
    }


def test_a_status_url_is_one_path_segment() -> None:
    assert status_url("a/b?c#d 영") == "/jobs/a%2Fb%3Fc%23d%20%EC%98%81"


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ({"video_path": "s3://bucket/v", "audio_path": "s3://bucket/a", "video_url": "s3://bucket/u"}, "s3://bucket/a"),
        ({"video_path": "s3://bucket/v", "video_url": "s3://bucket/u"}, "s3://bucket/u"),
        ({"video_path": "s3://bucket/v", "audio_path": ""}, "s3://bucket/v"),
    ],
)
def test_the_source_of_a_transcription_follows_the_order(body: dict[str, str], source: str) -> None:
    request = TranscribeRequest.model_validate(body)
    assert request.source_url == source
    assert request.language is Language.EN


def test_a_transcription_without_a_source_is_refused() -> None:
    with pytest.raises(ValidationError, match="one of audio_path, video_url, video_path is required"):
        TranscribeRequest.model_validate({"video_path": ""})
