"""The models of the specification (`docs/specification.md`), field for field.

Requests ignore unknown fields and refuse wrong values. Fields beyond the specification are marked as additions.
"""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat

from ecg_contract.base_model import WireModel
from ecg_contract.errors import ErrorCode
from ecg_contract.options import JobOptions, Metadata

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


class Request(WireModel):
    """A request body; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _VideoRequest(Request):
    job_id: JobId
    """A UUID is recommended."""
    video_url: Annotated[Url, Field(min_length=1)]
    """http, https or s3."""
    fastapi_base_url: Annotated[str, Field(max_length=BASE_URL_LENGTH)] | None = None
    """Where callbacks go; the server's BACKEND_URL where absent."""


class ProcessVideoRequest(JobOptions, _VideoRequest):
    """`POST /api/upload-video/process-video`."""


class ProcessVideoResponse(WireModel):
    """The immediate answer to an accepted video; `completed` where the same request was completed before."""

    job_id: str
    """The request's."""
    status: Literal["processing", "completed"] = "processing"
    """`processing`, or `completed` where nothing is left to do."""
    message: str = ACCEPTED_MESSAGE
    """For people, in Korean."""
    status_url: str | None = None
    """Path of the job's status on this server."""
    estimated_time: int | None = ESTIMATED_SECONDS
    """Seconds: the specification's constant, not a forecast; `eta` in the job's status is one."""


class WireFeatures(WireModel):
    """Acoustic features of a word."""

    volume_db: FiniteFloat
    """Level of the word in dB re full scale."""
    pitch_hz: FiniteFloat
    """Median pitch of the voiced frames; 0.0 for an unvoiced word."""
    spectral_centroid: FiniteFloat
    """Mean spectral centroid in Hz."""


class WireWord(WireModel):
    """A word of a segment."""

    word: str
    """As it is written, with its punctuation."""
    start: FiniteFloat
    """Seconds from the beginning of the media."""
    end: FiniteFloat
    """Seconds from the beginning of the media."""
    acoustic_features: WireFeatures
    """How loud and how high it is said."""


class WireSpeaker(WireModel):
    """A speaker."""

    speaker_id: str
    """`SPEAKER_00`, `SPEAKER_01`, ..."""


class WireEmotion(WireModel):
    """An addition: the specification has emotion as not implemented and names no fields for it."""

    label: str
    """As the model names it, such as `neutral`."""
    confidence: FiniteFloat
    """Probability from 0 to 1."""


class WireSegment(WireModel):
    """A sentence of one speaker."""

    start_time: FiniteFloat
    """Seconds from the beginning of the media."""
    end_time: FiniteFloat
    """Seconds from the beginning of the media."""
    text: str
    """The sentence."""
    speaker: WireSpeaker
    """Who says most of it."""
    words: list[WireWord]
    """In order; where the language has no alignment model, one for the whole text."""
    emotion: WireEmotion | None = None
    """Left out when it was not asked for, or no model is configured for the language."""


class WireWordSegment(WireModel):
    """A word with its speaker."""

    word: str
    """As it is written, with its punctuation."""
    start_time: FiniteFloat
    """Seconds from the beginning of the media."""
    end_time: FiniteFloat
    """Seconds from the beginning of the media."""
    speaker_id: str
    """Who says it."""
    confidence: FiniteFloat
    """Probability of the alignment, from 0 to 1."""


class WireSpeakerStatistics(WireModel):
    """How much a speaker says."""

    total_duration: FiniteFloat
    """Sum of the speaker's segments in seconds."""
    segment_count: int
    """Number of the speaker's segments."""


ProcessingMode = Literal["auto-detect", "targeted"]


class WireMetadata(WireModel):
    """About an analysis."""

    model_version: str
    """What transcribed it, such as `whisperx-base`."""
    processing_time: FiniteFloat
    """Seconds that the analysis took."""
    unique_speakers: int
    """Number of speakers."""
    total_segments: int
    """Number of segments."""
    language_requested: str
    """The request's `language`."""
    language_detected: str
    """ISO 639 code of the language that was transcribed."""
    processing_mode: ProcessingMode
    """`auto-detect` where the request named no language."""
    device: str
    """An addition: `cuda` or `cpu`, the device that was really used."""
    notes: list[str] | None = None
    """An addition: fallbacks taken, such as a smaller model; absent where there were none."""
    request_metadata: Metadata | None = None
    """An addition: the request's `metadata`; absent where it had none."""
    waveform: list[int] | None = None
    """An addition: the largest sample of each of up to 1,000 equal stretches, in percent of full scale."""


class WireResult(WireModel):
    """The `result` of a completed job; its JSON schema stands in `docs/result.schema.json`."""

    segments: list[WireSegment]
    """The sentences in order, with their words."""
    word_segments: list[WireWordSegment]
    """All words in order."""
    speakers: dict[str, WireSpeakerStatistics]
    """By `speaker_id`."""
    text: str
    """The whole transcript."""
    language: str
    """ISO 639 code of the language that was transcribed."""
    duration: FiniteFloat
    """Length of the media in seconds."""
    metadata: WireMetadata
    """About the analysis."""


CallbackStatus = Literal["processing", "completed", "failed"]


class CallbackPayload(WireModel):
    """`POST {fastapi_base_url}/api/upload-video/result`: the seven fields, absent ones left out."""

    job_id: str
    """The request's."""
    status: CallbackStatus
    """`completed` and `failed` are the last callback of a job."""
    progress: int | None = None
    """10, 25, 40, 60, 75, 90, or 100 at the end; absent where the job failed."""
    message: str | None = None
    """The stage, in Korean."""
    result: WireResult | None = None
    """Of a completed job alone."""
    error_message: str | None = None
    """Of a failed job alone: why, in Korean."""
    error_code: ErrorCode | None = None
    """Of a failed job alone."""


class HealthResponse(WireModel):
    """The server answers."""

    status: Literal["healthy"] = "healthy"
    """The server answers."""
    timestamp: datetime
    """The server's time."""


def status_url(job_id: str) -> str:
    """The path of a job's status, percent-encoded."""
    return f"/jobs/{quote(job_id, safe='')}"
