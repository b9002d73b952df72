"""What a host and the pipeline process say to each other.

The host hands over a `PipelineJob`; the process answers with `PipelineStatus`, whole every time, so that a reader who
missed some reports loses nothing: `stages` is cumulative. On Kubernetes the status is `status.pipeline` of the job's
VideoJob; behind the standalone host it travels in `Report` lines on the process's stdout.
Field names are camelCase in JSON, as Kubernetes has them.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from ecg_contract.base_model import CamelModel, ErrorMessage, Note, Sentence
from ecg_contract.errors import ErrorCode
from ecg_contract.options import JobOptions
from ecg_contract.stages import Stage

MAX_RESULT_BYTES = 256 * 1024 * 1024
"""Longest result that is stored or read; a video of four hours with 50,000 words has some 13 MiB."""


class Device(StrEnum):
    """`AUTO` is the GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"


class Source(CamelModel):
    """Where the media is: one of the three."""

    url: str | None = None
    """http, https or s3 URL."""
    url_file: Path | None = None
    """File that holds the URL, one that carries a credential; it may appear after the job has begun."""
    path: Path | None = None
    """Local file that the host itself put there."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.url, self.url_file, self.path].count(None) != 2:
            raise ValueError("a source has one of url, url_file and path")
        return self


class PipelineJob(JobOptions, CamelModel):
    """One attempt at one job, with the options of the job."""

    job_id: str
    attempt: int = 1
    source: Source
    device: Device = Device.AUTO
    """The device that the host wants for this attempt; the CPU in any case where `enable_gpu` is false."""
    max_workers: int = 4
    result_path: Path
    """Where the result goes: the final wire JSON, written to a neighbour first and renamed."""

    @property
    def wanted_device(self) -> Device:
        return self.device if self.enable_gpu else Device.CPU


class StageTimes(CamelModel):
    """When a stage began and ended."""

    start_time: datetime | None = None
    """When it began."""
    completion_time: datetime | None = None
    """When it ended."""


class ResultReference(CamelModel):
    """Where the stored result is, and enough about it to show it in a list."""

    location: Annotated[str, Field(max_length=2048)]
    """File path, S3 URL, or the ConfigMaps that hold it in pieces."""
    sha256: Annotated[str, Field(max_length=64)]
    """Digest of the stored JSON, in hexadecimal digits."""
    bytes: Annotated[int, Field(ge=0, le=MAX_RESULT_BYTES)]
    """Length of the stored JSON."""
    segments: int
    """Number of segments."""
    words: int
    """Number of words."""
    speakers: int
    """Number of speakers."""
    language: Annotated[str, Field(max_length=16)]
    """ISO 639-1 code of the language that was transcribed."""
    duration: FiniteFloat
    """Length of the media in seconds."""
    processing_time: FiniteFloat
    """Seconds that the analysis took."""


class PipelineError(CamelModel):
    """Why an attempt failed, in the wire's terms."""

    code: ErrorCode
    """The specification's error code."""
    message: ErrorMessage
    """What went wrong and what to do about it; holds no credential."""


class PipelineStatus(CamelModel):
    """All that the pipeline says about one attempt."""

    attempt: int
    """Number of the attempt that reports."""
    stages: dict[Stage, StageTimes] = Field(default_factory=dict)
    """The stages that were begun; cumulative, so that a fast one cannot be missed."""
    stage: Stage = Stage.DOWNLOAD
    """The stage that is being worked on."""
    progress: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    """Percent, finer than the stages' and never falling within an attempt."""
    message: Sentence = ""
    """The stage's message, or what is being retried."""
    notes: Annotated[tuple[Note, ...], Field(max_length=100)] = ()
    """Fallbacks taken, in order: a smaller batch, a smaller model, segment times without alignment."""
    heartbeat_time: datetime | None = None
    """When the pipeline last reported."""
    result: ResultReference | None = None
    """The stored result, once there is one."""
    error: PipelineError | None = None
    """Why the attempt failed."""


class Report(CamelModel):
    """A line on the stdout of `python -m ecg_pipeline --serve`.

    `ready`: imports are done, jobs are taken. `status`: a job's status changed, or its heartbeat. `finished`: the job
    ended with `exit_code`, its last status beside it; the process takes the next job, unless it exits with that code.
    """

    event: Literal["ready", "status", "finished"]
    job_id: str | None = None
    status: PipelineStatus | None = None
    exit_code: int | None = None
