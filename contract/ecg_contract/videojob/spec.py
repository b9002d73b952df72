"""The `spec` of a VideoJob: what is to be analysed, and how; and which of it may be changed."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ecg_contract.base_model import CamelModel, Plain, cut_to
from ecg_contract.options import CarriedOptions
from ecg_contract.wire.models import BASE_URL_LENGTH

MAX_DEADLINE_S = 604_800
"""Longest time of work that a VideoJob may have, in seconds: a week."""
NAME_LENGTH = 40
"""Longest name of a VideoJob: its Jobs' names, and their pods', have to fit behind it."""

SOURCE_URL_LENGTH = 2048
"""Longest source URL that stands in a VideoJob itself."""
Name = Annotated[Plain, Field(max_length=253)]
JobName = Annotated[Plain, Field(max_length=63)]
"""A Job's name is the value of a label of its pods."""
SourceUrl = Annotated[Plain, Field(max_length=SOURCE_URL_LENGTH, min_length=1)]
Uid = Annotated[Plain, Field(max_length=64)]
Count = Annotated[int, Field(ge=0)]


CEL_RULES = "x-kubernetes-validations"
"""The keyword of a schema's CEL rules."""


def cel_rule(rule: str, message: str) -> dict[str, Any]:
    """A schema's keyword with one rule; the API server answers with `message` where it does not hold."""
    return {CEL_RULES: [{"rule": rule, "message": message}]}


class VideoJobSource(CamelModel):
    """Where the video is: either `url` or `fromSecret`."""

    model_config = ConfigDict(
        json_schema_extra=cel_rule("has(self.url) != self.fromSecret", "either url or fromSecret is needed")
    )

    url: SourceUrl | None = None
    """http, https or s3 URL without a query string or user information, percent-encoded."""
    from_secret: bool = False
    """The URL carries a credential, such as a signature, or does not fit into `url`: it is the key `url` of the Secret
    `<name>-<uid>-source`, with name and uid of the VideoJob. Nobody can name another Secret."""
    name: Annotated[str, cut_to(128), Field(max_length=128)] = ""
    """Last part of the URL's path, for people."""


class VideoJobCallback(CamelModel):
    """Where progress and the result are sent."""

    base_url: Annotated[str, Field(max_length=BASE_URL_LENGTH, min_length=1)]
    """Base URL of the backend; callbacks go to `<baseUrl>/api/upload-video/result`."""


SPEC_COUNTERS = ("run", "cancelled_run", "redelivery")
"""Fields of the spec that only grow."""
SPEC_CHANGING = {*SPEC_COUNTERS, "suspend", "priority"}
"""Fields of the spec that may be changed; every other one is fixed."""


class _VideoJobRequest(CamelModel):
    job_id: Annotated[str, Field(min_length=1, max_length=256)]
    """The backend's identifier of the job, as it was posted."""
    source: VideoJobSource
    """The video or audio to analyse."""
    callback: VideoJobCallback | None = None
    """The backend that is told; without it nothing is sent."""


class VideoJobSpec(CarriedOptions, _VideoJobRequest):
    """What is to be analysed, and how. It cannot be changed, but for the counters, which only grow, `priority` and
    `suspend`."""

    interactive: bool = False
    """Somebody waits for the answer: goes before others, and no callbacks are sent."""
    request_digest: Annotated[str, Field(max_length=64)] | None = None
    """Digest of the request without URL signatures, by which the API knows a request that is repeated."""
    active_deadline_seconds: Annotated[int, Field(ge=1, le=MAX_DEADLINE_S)] | None = None
    """Longest time of work over all attempts of a run, without queueing; the operator's setting where absent."""
    queue_limit_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Longest time in the queue and for a node before the job fails; the operator's setting where absent, which sets
    no limit by default."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """How long the VideoJob is kept once it is finished and its last callback settled; the operator's setting where
    absent."""
    run: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Raise it to run a failed or cancelled job again."""
    cancelled_run: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Set it to `run` to cancel that run: its work is stopped, nothing more is sent."""
    redelivery: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Raise it to have the last callback of a finished job sent once more."""
    suspend: bool = False
    """True stops the work and frees its node until it is false again; not counted as a failure."""
