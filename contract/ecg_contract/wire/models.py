"""The models of the specification (`docs/specification.md`), field for field.

Requests ignore unknown fields and refuse wrong values. Fields beyond the specification are marked as additions.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from ecg_contract.errors import ErrorCode
from ecg_contract.languages import Language
from ecg_contract.options import AnalysisOptions, AnyCaseLanguage, JobOptions, Metadata

ACCEPTED_MESSAGE = "비디오 처리가 시작되었습니다"
ESTIMATED_SECONDS = 300
RESULT_PATH = "/api/upload-video/result"
URL_LENGTH = 8192
BASE_URL_LENGTH = 1024
"""Longest base URL of callbacks, which a VideoJob holds."""


def _checked_job_id(value: str) -> str:
    if any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in value):
        raise ValueError("must not contain control characters")
    if value in (".", ".."):
        raise ValueError("must not be '.' or '..', which cannot stand in a URL path")
    return value


JobId = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_checked_job_id)]
Url = Annotated[str, Field(max_length=URL_LENGTH)]


def _without_descriptions(schema: dict[str, Any]) -> None:
    """The specification describes the fields; the OpenAPI document repeats none of it."""
    for field in schema["properties"].values():
        field.pop("description", None)


class Request(BaseModel):
    """A request body; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_extra=_without_descriptions)


class _VideoRequest(Request):
    job_id: JobId
    """A UUID is recommended."""
    video_url: Annotated[Url, Field(min_length=1)]
    """http, https or s3."""
    fastapi_base_url: Annotated[str, Field(max_length=BASE_URL_LENGTH)] | None = None
    """Where callbacks go; the server's BACKEND_URL where absent."""


class ProcessVideoRequest(JobOptions, _VideoRequest):
    """`POST /api/upload-video/process-video`."""


class ProcessVideoResponse(BaseModel):
    """The immediate answer to an accepted video; `completed` where the same request was completed before."""

    job_id: str
    status: Literal["processing", "completed"] = "processing"
    message: str = ACCEPTED_MESSAGE
    status_url: str | None = None
    estimated_time: int | None = ESTIMATED_SECONDS


class TranscriptionOptions(AnalysisOptions):
    """The options of `POST /transcribe`, in JSON or beside an uploaded file."""

    language: AnyCaseLanguage = Language.EN


class _TranscriptionSource(Request):
    video_path: Url | None = None
    audio_path: Url | None = None
    video_url: Url | None = None


class TranscribeRequest(TranscriptionOptions, _TranscriptionSource):
    """`POST /transcribe`; the source is `audio_path`, else `video_url`, else the deprecated `video_path`."""

    @property
    def source_url(self) -> str:
        return self.audio_path or self.video_url or self.video_path or ""

    @model_validator(mode="after")
    def _has_a_source(self) -> "TranscribeRequest":
        if not self.source_url:
            raise ValueError("one of audio_path, video_url, video_path is required")
        return self


class WireFeatures(BaseModel):
    volume_db: FiniteFloat
    """Level of the word in dB re full scale."""
    pitch_hz: FiniteFloat
    """Median pitch of the voiced frames; 0.0 for an unvoiced word."""
    spectral_centroid: FiniteFloat
    """Mean spectral centroid in Hz."""


class WireWord(BaseModel):
    word: str
    start: FiniteFloat
    end: FiniteFloat
    acoustic_features: WireFeatures


class WireSpeaker(BaseModel):
    speaker_id: str


class WireEmotion(BaseModel):
    """An addition: the specification has emotion as not implemented and names no fields for it."""

    label: str
    confidence: FiniteFloat


class WireSegment(BaseModel):
    start_time: FiniteFloat
    end_time: FiniteFloat
    text: str
    speaker: WireSpeaker
    words: list[WireWord]
    emotion: WireEmotion | None = None
    """Left out when it was not asked for, or no model is configured for the language."""


class WireWordSegment(BaseModel):
    word: str
    start_time: FiniteFloat
    end_time: FiniteFloat
    speaker_id: str
    confidence: FiniteFloat


class WireSpeakerStatistics(BaseModel):
    total_duration: FiniteFloat
    """Sum of the speaker's segments in seconds."""
    segment_count: int


ProcessingMode = Literal["auto-detect", "targeted"]


class WireMetadata(BaseModel):
    model_version: str
    processing_time: FiniteFloat
    unique_speakers: int
    total_segments: int
    language_requested: str
    language_detected: str
    processing_mode: ProcessingMode
    device: str
    """An addition: `cuda` or `cpu`, the device that was really used."""
    notes: list[str] | None = None
    """An addition: fallbacks taken, such as a smaller model; absent where there were none."""
    request_metadata: Metadata | None = None
    """An addition: the request's `metadata`; absent where it had none."""


class WireResult(BaseModel):
    """The `result` of a completed job; its JSON schema stands in `docs/result.schema.json`."""

    segments: list[WireSegment]
    word_segments: list[WireWordSegment]
    speakers: dict[str, WireSpeakerStatistics]
    text: str
    language: str
    duration: FiniteFloat
    metadata: WireMetadata


class TranscribeMetadata(BaseModel):
    filename: str
    duration: FiniteFloat
    total_segments: int
    unique_speakers: int
    processing_time: FiniteFloat
    language_requested: str
    language_detected: str
    processing_mode: ProcessingMode
    processed_at: datetime
    notes: Annotated[list[str] | None, Field(exclude_if=lambda notes: notes is None)] = None
    """An addition: the notes of the result's metadata; absent where there are none."""
    request_metadata: Annotated[Metadata | None, Field(exclude_if=lambda metadata: metadata is None)] = None
    """An addition: the request's `metadata`; absent where it had none."""


class BackendTranscribeResponse(BaseModel):
    """The answer of `/transcribe`; with `success` false the first three data fields are null."""

    success: bool
    metadata: TranscribeMetadata | None = None
    speakers: dict[str, WireSpeakerStatistics] | None = None
    segments: list[WireSegment] | None = None
    processing_time: FiniteFloat = 0.0
    error: str | None = None
    error_code: ErrorCode | None = None


CallbackStatus = Literal["processing", "completed", "failed"]


class CallbackPayload(BaseModel):
    """`POST {fastapi_base_url}/api/upload-video/result`: the seven fields, absent ones left out."""

    job_id: str
    status: CallbackStatus
    progress: int | None = None
    message: str | None = None
    result: WireResult | None = None
    error_message: str | None = None
    error_code: ErrorCode | None = None


class HealthResponse(BaseModel):
    status: Literal["healthy"] = "healthy"
    timestamp: datetime


def status_url(job_id: str) -> str:
    """The path of a job's status, percent-encoded."""
    return f"/jobs/{quote(job_id, safe='')}"
