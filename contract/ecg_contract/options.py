"""The options of an analysis. A new one is a field here: requests, VideoJob, job record and pipeline job inherit it."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import from_json

from ecg_contract.languages import Language
from ecg_contract.tracing import TRACEPARENT


def _language(value: Any) -> Any:
    """In any case. Raises ValueError with the documented codes alone: all of them are no help."""
    code = value.strip().lower() if isinstance(value, str) else value
    if code not in list(Language):
        raise ValueError("must be 'auto', 'ko', 'en', 'ja', 'zh' or the code of another language that Whisper has")
    return code


def _parsed(value: Any) -> Any:
    """A form has it as JSON text."""
    return from_json(value) if isinstance(value, str) else value


MOST_SPEAKERS = 100
SpeakerCount = Annotated[int, Field(ge=1, le=MOST_SPEAKERS)]
AnyCaseLanguage = Annotated[Language, BeforeValidator(_language)]
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
MetadataValue = Annotated[str, Field(max_length=100)]
Metadata = Annotated[dict[MetadataName, MetadataValue], Field(max_length=6), BeforeValidator(_parsed)]


class AnalysisOptions(BaseModel):
    """What both requests offer."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    enable_gpu: bool = True
    """Use a GPU where the cluster offers one."""
    emotion_detection: bool = True
    """Classify the emotion of each segment where a model is configured for its language."""
    language: AnyCaseLanguage = Language.AUTO
    """Language that is spoken; `auto` detects it."""
    num_speakers: SpeakerCount | None = None
    """How many people speak, where that is known."""
    min_speakers: SpeakerCount | None = None
    """How many people speak at least."""
    max_speakers: SpeakerCount | None = None
    """How many people speak at most."""
    vocabulary: Annotated[str, Field(max_length=600)] = ""
    """Names and terms that may be said, separated by commas; Whisper is given them as hotwords."""

    metadata: Metadata = Field(default_factory=dict)
    """The caller's own names and values, up to six; status and result repeat them, and jobs are listed by them."""

    @model_validator(mode="after")
    def _speakers_are_possible(self) -> Self:
        least, most = self.min_speakers or 1, self.max_speakers or self.num_speakers or MOST_SPEAKERS
        if least > most or not least <= (self.num_speakers or least) <= most:
            raise ValueError("num_speakers must lie between min_speakers and max_speakers")
        return self


class JobOptions(AnalysisOptions):
    """What every job has, whichever request it came from."""

    max_workers: Annotated[int, Field(ge=1, le=64)] = 4
    """Threads of the CPU work, cut to the cores there are."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Place in the queue: a higher one goes first, equal ones in the order of submission."""


class CarriedOptions(JobOptions):
    """What goes with a job from its request to its last callback."""

    traceparent: Annotated[str, Field(pattern=TRACEPARENT, max_length=55)] | None = None
    """The caller's trace, from the request's header of this name."""


def options_of(model: AnalysisOptions) -> dict[str, Any]:
    """The options that `model` has, by field name: arguments for another model that inherits them."""
    fields = type(model).model_fields
    return {name: getattr(model, name) for name in CarriedOptions.model_fields if name in fields}
