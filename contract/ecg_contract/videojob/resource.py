"""The `VideoJob` custom resource: the models that its CustomResourceDefinition is generated from (`crd.py`).

The API writes the `spec`, the pipeline's pod `status.pipeline`, the operator the rest of the status. Every
string, list and time has a maximum length, and a VideoJob that is full of the widest characters stays below 64 KiB.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field

from ecg_contract.attempt_log import ATTEMPTS, LoggedAttempt
from ecg_contract.attempt_outcome import AttemptCounts
from ecg_contract.base_model import CamelModel, Sentence, cut_to
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.host_protocol import PipelineError, PipelineStatus
from ecg_contract.videojob.spec import NAME_LENGTH, Count, JobName, Name, Uid, VideoJobSpec, cel_rule

GROUP = "ecg-analyzer.io"
VERSION = "v1alpha1"
API_VERSION: Final = "ecg-analyzer.io/v1alpha1"
KIND: Final = "VideoJob"
PLURAL = "videojobs"


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
    """Since when the job waits for a pod to run, its time in the queue included."""
    job_name: JobName
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


class QueuePlace(CamelModel):
    """A job's place among those that wait for a slot (MAX_ACTIVE_JOBS)."""

    position: Annotated[int, Field(ge=1)]
    """1 for the job that starts next; written when it has changed by a fifth, or is 10 or less."""
    sequence: Count
    """Order of submission: the resourceVersion at which the operator first saw the job wait."""
    queued_time: datetime
    """Since when it waits."""


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
    attempts: Annotated[tuple[LoggedAttempt, ...], Field(max_length=ATTEMPTS)] = ()
    """The last attempts that have ended, of all runs, in order."""
    queue: QueuePlace | None = None
    """The job's place in the queue while it waits for a slot."""
    estimated_completion_time: datetime | None = None
    """When the job will probably be completed, by the running means of the jobs before it."""
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
        json_schema_extra=cel_rule(
            f"size(self.metadata.name) <= {NAME_LENGTH} && !self.metadata.name.contains('.')",
            f"the name has at most {NAME_LENGTH} characters and no dots",
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
