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

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator
from pydantic.alias_generators import to_camel

from ecg_contract.errors import ErrorCode
from ecg_contract.stages import Stage


class CamelModel(BaseModel):
    """A model whose JSON has camelCase names and no nulls."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def to_json(self) -> str:
        """One line of JSON without absent fields."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


class Language(StrEnum):
    """The languages of the specification; any other that is detected is transcribed under its own ISO 639-1 code."""

    AUTO = "auto"
    KO = "ko"
    EN = "en"
    JA = "ja"
    ZH = "zh"


class Device(StrEnum):
    """`AUTO` is the GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"


class Source(CamelModel):
    """Where the media is: a URL (http, https or s3), or a local file that the host itself put there."""

    url: str | None = None
    path: Path | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.url is None) == (self.path is None):
            raise ValueError("a source has either a url or a path")
        return self


class PipelineJob(CamelModel):
    """One attempt at one job."""

    job_id: str
    attempt: int = 1
    source: Source
    language: Language = Language.AUTO
    emotion_detection: bool = True
    device: Device = Device.AUTO
    max_workers: int = 4
    result_path: Path
    """Where the result goes: the final wire JSON, written to a neighbour first and renamed."""


class StageTimes(CamelModel):
    """When a stage began and ended."""

    start_time: datetime | None = None
    completion_time: datetime | None = None


class ResultReference(CamelModel):
    """Where the stored result is, and enough about it to show it in a list."""

    location: str
    sha256: str
    bytes: int
    segments: int
    words: int
    speakers: int
    language: str
    duration: FiniteFloat
    """Length of the media in seconds."""
    processing_time: FiniteFloat


class PipelineError(CamelModel):
    """Why an attempt failed, in the wire's terms."""

    code: ErrorCode
    message: str


class PipelineStatus(CamelModel):
    """All that the pipeline says about one attempt."""

    attempt: int
    stages: dict[Stage, StageTimes] = Field(default_factory=dict)
    stage: Stage = Stage.DOWNLOAD
    progress: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.0
    """Percent, finer than the stages' and never falling within an attempt."""
    message: str = ""
    """The stage's message, or what is being retried."""
    notes: tuple[str, ...] = ()
    """Fallbacks taken, in order: a smaller batch, a smaller model, segment times without alignment."""
    heartbeat_time: datetime | None = None
    result: ResultReference | None = None
    error: PipelineError | None = None


class Report(CamelModel):
    """A line on the stdout of `python -m ecg_pipeline --serve`.

    `ready`: imports are done, jobs are taken. `status`: a job's status changed, or its heartbeat. `finished`: the job
    ended with `exit_code`, its last status beside it; the process takes the next job, unless it exits with that code.
    """

    event: Literal["ready", "status", "finished"]
    job_id: str | None = None
    status: PipelineStatus | None = None
    exit_code: int | None = None
