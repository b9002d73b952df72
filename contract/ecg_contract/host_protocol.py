"""The protocol between a host and the pipeline process.

The host sends a `PipelineJob`. The process answers with complete `PipelineStatus` objects, so that a reader who missed
some of them loses nothing: `stages` is cumulative. In a pod the status is `status.pipeline` of the VideoJob; under the
standalone host it is part of the `Report` lines on stdout. Field names are camelCase in JSON.
"""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from ecg_contract.base_model import CamelModel, ErrorMessage, Note, Sentence, first_items
from ecg_contract.errors import ErrorCode
from ecg_contract.options import CarriedOptions
from ecg_contract.stages import Stage

MAX_RESULT_BYTES = 256 * 1024 * 1024
"""Longest result that is stored or read; four hours with 50,000 words take about 13 MiB."""

NOTES = 10
"""Most notes of an attempt; later ones are left out."""


class Device(StrEnum):
    """`AUTO` means the GPU where there is one, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"


class Source(CamelModel):
    """Location of the media: exactly one of the three fields."""

    url: str | None = None
    """http, https or s3 URL."""
    url_file: Path | None = None
    """File with a URL that contains a credential; it may appear after the job has started."""
    path: Path | None = None
    """Local file that the host stored."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.url, self.url_file, self.path].count(None) != 2:
            raise ValueError("a source has one of url, url_file and path")
        return self


class PipelineJob(CarriedOptions, CamelModel):
    """One attempt at one job, with the options of the job."""

    job_id: str
    attempt: int = 1
    source: Source
    device: Device = Device.AUTO
    """The device that the host chose for this attempt."""
    max_workers: int = 4
    fetch_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Seconds that the host took to download the media before, which count as processing time."""
    result_path: Path
    """File for the result, the final wire JSON, or with `--fetch` for the media; written under a temporary name and
    renamed."""

    @property
    def wanted_device(self) -> Device:
        """The CPU where `enable_gpu` is false, else `device`."""
        return self.device if self.enable_gpu else Device.CPU


class StageTimes(CamelModel):
    """When a stage began and ended."""

    start_time: datetime | None = None
    """When it began."""
    completion_time: datetime | None = None
    """When it ended."""


class Part(StrEnum):
    """A part of an analysis whose cost is measured. On the CPU recognition and alignment run beside diarization."""

    VAD = "vad"
    DIARIZATION = "diarization"
    RECOGNITION = "recognition"
    ALIGNMENT = "alignment"
    EMOTION = "emotion"
    FEATURES = "features"


class PartUsage(CamelModel):
    """What a part of an analysis took, waiting for its model included."""

    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Wall time."""
    cpu_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """CPU time of the whole process meanwhile: parts that run side by side count each other's."""
    memory_bytes: Annotated[int, Field(ge=0)]
    """Largest resident memory of the process from its start to the end of the part."""
    gpu_memory_bytes: Annotated[int, Field(ge=0)] | None = None
    """Memory of the GPU that was taken at the end of the part, by any process; the libraries keep what they took."""


class ResultReference(CamelModel):
    """Where the stored result is, and enough about it to show it in a list."""

    location: Annotated[str, Field(max_length=500)]
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
    duration: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Length of the media in seconds, once it is known."""
    parts: dict[Part, PartUsage] = Field(default_factory=dict)
    """What the parts of the analysis took, as far as they are over."""
    notes: Annotated[tuple[Note, ...], Field(max_length=NOTES), first_items(NOTES)] = ()
    """Fallbacks taken, in order: a smaller batch, a smaller model, segment times without alignment."""
    heartbeat_time: datetime | None = None
    """When the pipeline last reported."""
    result: ResultReference | None = None
    """The stored result, once there is one."""
    error: PipelineError | None = None
    """Why the attempt failed."""


def continued(before: PipelineStatus | None, status: PipelineStatus) -> PipelineStatus:
    """`status` of a process that took an attempt over from another, whose last status was `before`."""
    if before is None or before.attempt != status.attempt or Stage.DOWNLOAD not in before.stages:
        return status
    began = before.stages[Stage.DOWNLOAD].start_time
    times = status.stages.get(Stage.DOWNLOAD, StageTimes()).model_copy(update={"start_time": began})
    stages = {**status.stages, Stage.DOWNLOAD: times}
    return status.model_copy(update={"stages": stages, "progress": max(before.progress, status.progress)})


class Report(CamelModel):
    """A line on the stdout of `python -m ecg_pipeline --serve` or `--fetch`.

    `ready`: imports are done, jobs are taken. `models`: other models are `missing` than were. `status`: a job's status
    changed, or its heartbeat. `finished`: the job ended with `exit_code`, its last status beside it; the process takes
    the next job, unless it exits with that code.
    """

    event: Literal["ready", "models", "status", "finished"]
    missing: tuple[str, ...] = ()
    """With `ready` and `models`: a sentence for each model that every job needs and that is not loaded."""
    job_id: str | None = None
    status: PipelineStatus | None = None
    exit_code: int | None = None
