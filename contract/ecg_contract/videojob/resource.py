"""The `VideoJob` custom resource: the models that its CustomResourceDefinition is generated from (`crd.py`).

The API writes the `spec`, the pipeline's pod `status.pipeline`, the operator the rest of the status. Every
string, list and time has a maximum length, and a VideoJob that is full of the widest characters stays below 64 KiB.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ecg_contract.attempt_outcome import AttemptCounts
from ecg_contract.base_model import CamelModel, Plain, Sentence, cut_to, kubernetes_case
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.host_protocol import PipelineError, PipelineStatus
from ecg_contract.options import JobOptions
from ecg_contract.wire.models import BASE_URL_LENGTH

GROUP = "ecg-analyzer.io"
VERSION = "v1alpha1"
API_VERSION: Final = "ecg-analyzer.io/v1alpha1"
KIND: Final = "VideoJob"
PLURAL = "videojobs"

MAX_DEADLINE_S = 604_800
"""Longest time of work that a VideoJob may have, in seconds: a week."""
NAME_LENGTH = 40
"""Longest name of a VideoJob: its Jobs' names, and their pods', have to fit behind it."""

SOURCE_URL_LENGTH = 2048
"""Longest source URL that stands in a VideoJob itself."""
Name = Annotated[Plain, Field(max_length=253)]
SourceUrl = Annotated[Plain, Field(max_length=SOURCE_URL_LENGTH, min_length=1)]
Uid = Annotated[Plain, Field(max_length=64)]
Count = Annotated[int, Field(ge=0)]


def _rules(*rules: tuple[str, str]) -> dict[str, Any]:
    """CEL rules as the API server takes them: (rule, message)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def _fixed(name: str) -> tuple[str, str]:
    same = f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
    return same, f"{name} cannot be changed: delete the VideoJob and create it anew"


def _grows(name: str) -> tuple[str, str]:
    return f"self.{name} >= oldSelf.{name}", f"{name} only grows"


class VideoJobSource(CamelModel):
    """Where the video is: either `url` or `fromSecret`."""

    model_config = ConfigDict(
        json_schema_extra=_rules(("has(self.url) != self.fromSecret", "either url or fromSecret is needed"))
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
SPEC_CHANGING = {*SPEC_COUNTERS, "suspend"}
"""Fields of the spec that may be changed; every other one is fixed."""


def _spec_rules(schema: dict[str, Any], spec: type[BaseModel]) -> None:
    fixed = (_fixed(kubernetes_case(name)) for name in spec.model_fields if name not in SPEC_CHANGING)
    schema |= _rules(*fixed, *(_grows(kubernetes_case(name)) for name in SPEC_COUNTERS))


class _VideoJobRequest(CamelModel):
    job_id: Annotated[str, Field(min_length=1, max_length=256)]
    """The backend's identifier of the job, as it was posted."""
    source: VideoJobSource
    """The video or audio to analyse."""
    callback: VideoJobCallback | None = None
    """The backend that is told; without it nothing is sent."""


class VideoJobSpec(JobOptions, _VideoJobRequest):
    """What is to be analysed, and how. It cannot be changed, but for the counters, which only grow, and `suspend`."""

    model_config = ConfigDict(json_schema_extra=_spec_rules)

    interactive: bool = False
    """Somebody waits for the answer: goes before others, and no callbacks are sent."""
    request_digest: Annotated[str, Field(max_length=64)] | None = None
    """Digest of the request without URL signatures, by which the API knows a request that is repeated."""
    active_deadline_seconds: Annotated[int, Field(ge=1, le=MAX_DEADLINE_S)] | None = None
    """Longest time of work over all attempts of a run, without queueing; the operator's setting where absent."""
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


class ConditionType(StrEnum):
    """The conditions of a VideoJob; code branches on these, `phase` is for people."""

    SUCCEEDED = "Succeeded"
    """Unknown while the job may still end either way."""
    SCHEDULED = "Scheduled"
    """The current attempt's pod has a node; the reason and message say what it waits for."""
    CALLBACK_DELIVERED = "CallbackDelivered"
    """The last callback was acknowledged by the backend."""


class Condition(CamelModel):
    """One aspect of the job's state, as Kubernetes conditions are."""

    type: ConditionType
    """Name of the condition."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, cut_to(64), Field(max_length=64)]
    """One word for programs."""
    message: Sentence = ""
    """A sentence for people."""
    observed_generation: Count = 0
    """Generation of the spec that it was derived from."""
    last_transition_time: datetime
    """When `status` last changed."""


class Profile(StrEnum):
    """What a pod asks the cluster for."""

    GPU = "gpu"
    CPU = "cpu"


class Attempt(CamelModel):
    """The current attempt: one Job, and the one pod whose reports the API server takes."""

    number: Annotated[int, Field(ge=1)]
    """Counts up over all runs of the VideoJob and never restarts."""
    run: Annotated[int, Field(ge=1)]
    """The `spec.run` that it belongs to."""
    profile: Profile
    """What its pod asks for."""
    pending_since: datetime
    """Since when it waits for a pod to run; the pending limit counts from here."""
    job_name: Name
    """Its Job."""
    job_uid: Uid | None = None
    """uid of its Job."""
    pod_name: Name | None = None
    """Its pod."""
    pod_uid: Uid | None = None
    """uid of the one pod that may report; absent while there is none, and reports are refused."""
    node_name: Name | None = None
    """Node that the pod was given."""
    start_time: datetime | None = None
    """When the pod's container began to run."""
    stuck_since: datetime | None = None
    """Since when the pod has waited for an image, a Secret or a volume that is not to be had."""


class PodReport(PipelineStatus):
    """`status.pipeline`: the pipeline's own report, replaced whole each time."""

    pod_uid: Uid
    """uid of the reporting pod."""


class Phase(StrEnum):
    """The state in a word, for people."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUSPENDED = "Suspended"


class VideoJobStatus(CamelModel):
    """What is known about the job."""

    phase: Phase | None = None
    """The state in a word, for people; programs read the conditions."""
    message: Sentence | None = None
    """What the job does or waits for, in a sentence."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=len(ConditionType))] = ()
    """Succeeded, Scheduled and CallbackDelivered."""
    observed_generation: Count | None = None
    """Generation of the spec that this status was derived from."""
    run: Annotated[int, Field(ge=1)] | None = None
    """The `spec.run` that this status speaks of."""
    start_time: datetime | None = None
    """When the run's first attempt began to work."""
    completion_time: datetime | None = None
    """When the run ended; from then on no pod's report is taken."""
    error: PipelineError | None = None
    """Why the run failed."""
    attempt: Attempt | None = None
    """The current attempt, or the last one."""
    retries: AttemptCounts | None = None
    """How often the run has been tried anew, by reason."""
    active_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Time that earlier attempts of this run took."""
    callback: Annotated[str, Field(max_length=32)] | None = None
    """How the delivery of callbacks stands, in a word."""
    callbacks: DeliveryRecord | None = None
    """The durable record of what was delivered."""
    observed_redelivery: Count = 0
    """The `spec.redelivery` that has been acted on."""
    pipeline: PodReport | None = None
    """The pipeline's own report; written by the current attempt's pod alone."""

    def condition(self, wanted: ConditionType) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type is wanted), None)

    @property
    def has_succeeded(self) -> bool:
        succeeded = self.condition(ConditionType.SUCCEEDED)
        return succeeded is not None and succeeded.status == "True"

    @property
    def report(self) -> PodReport | None:
        """The current attempt's report; an earlier attempt's is not the job's."""
        if self.pipeline is None or self.attempt is None or self.pipeline.attempt != self.attempt.number:
            return None
        return self.pipeline if self.pipeline.pod_uid == self.attempt.pod_uid else None


class Metadata(CamelModel):
    """The part of a Kubernetes object's metadata that this project reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str | None = None
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class VideoJob(CamelModel):
    """A video to be analysed: who says what, when, how loud and how high."""

    model_config = ConfigDict(
        json_schema_extra=_rules(
            (
                f"size(self.metadata.name) <= {NAME_LENGTH} && !self.metadata.name.contains('.')",
                f"the name has at most {NAME_LENGTH} characters and no dots",
            ),
        )
    )

    api_version: Literal["ecg-analyzer.io/v1alpha1"] = API_VERSION
    kind: Literal["VideoJob"] = KIND
    metadata: Metadata
    spec: VideoJobSpec
    """What is to be analysed, and how."""
    status: VideoJobStatus = Field(default_factory=VideoJobStatus)
    """What is known about the job; written by the operator, `pipeline` by the pod."""

    @classmethod
    def from_manifest(cls, manifest: Any) -> Self:
        """Raises pydantic.ValidationError for what the API server would not have stored."""
        return cls.model_validate(manifest)

    def to_manifest(self) -> dict[str, Any]:
        """JSON-ready, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
