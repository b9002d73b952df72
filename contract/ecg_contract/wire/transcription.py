"""The models of `POST /transcribe` in the specification, field for field, with marked additions."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, FiniteFloat, model_validator

from ecg_contract.base_model import WireModel
from ecg_contract.errors import ErrorCode
from ecg_contract.languages import Language
from ecg_contract.options import AnalysisOptions, AnyCaseLanguage, Metadata
from ecg_contract.wire.models import ProcessingMode, Request, Url, WireSegment, WireSpeakerStatistics


class TranscriptionOptions(AnalysisOptions):
    """The options of `POST /transcribe`, in JSON or beside an uploaded file."""

    language: AnyCaseLanguage = Language.EN
    """Language that is spoken; `auto` detects it."""


class _TranscriptionSource(Request):
    video_path: Url | None = None
    """Deprecated: as `video_url`."""
    audio_path: Url | None = None
    """http, https or s3 URL of a sound file; it goes before the other two."""
    video_url: Url | None = None
    """http, https or s3 URL of a video."""


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


class TranscribeMetadata(WireModel):
    """About the media and its analysis."""

    filename: str
    """Name of the upload, or the last part of the URL."""
    duration: FiniteFloat
    """Length of the media in seconds."""
    total_segments: int
    """Number of segments."""
    unique_speakers: int
    """Number of speakers."""
    processing_time: FiniteFloat
    """Seconds that the analysis took."""
    language_requested: str
    """The request's `language`."""
    language_detected: str
    """ISO 639 code of the language that was transcribed."""
    processing_mode: ProcessingMode
    """`auto-detect` where the request named no language."""
    processed_at: datetime
    """When the analysis ended."""
    notes: Annotated[list[str] | None, Field(exclude_if=lambda notes: notes is None)] = None
    """An addition: the notes of the result's metadata; absent where there are none."""
    request_metadata: Annotated[Metadata | None, Field(exclude_if=lambda metadata: metadata is None)] = None
    """An addition: the request's `metadata`; absent where it had none."""


class BackendTranscribeResponse(WireModel):
    """The answer of `/transcribe`; with `success` false the first three data fields are null."""

    success: bool
    """Whether there is a result."""
    metadata: TranscribeMetadata | None = None
    """About the media and its analysis."""
    speakers: dict[str, WireSpeakerStatistics] | None = None
    """By `speaker_id`."""
    segments: list[WireSegment] | None = None
    """The sentences in order, with their words."""
    processing_time: FiniteFloat = 0.0
    """Seconds that the analysis took."""
    error: str | None = None
    """Why there is no result, in Korean."""
    error_code: ErrorCode | None = None
    """The same for programs."""
