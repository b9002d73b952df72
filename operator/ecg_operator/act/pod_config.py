"""What the cluster's administrators add to the pipeline's pods: a JSON file that the chart renders from its values."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.resource import Profile


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class PodProfile(_Model):
    """Fields of a pod that asks for a GPU, or for none, as Kubernetes has them."""

    resources: Manifest = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[Manifest] = Field(default_factory=list)
    affinity: Manifest = Field(default_factory=dict)
    runtime_class_name: str | None = None
    priority_class_name: str | None = None


class PodConfig(_Model):
    """POD_CONFIG_FILE."""

    gpu: PodProfile = PodProfile(resources={"limits": {"nvidia.com/gpu": 1}})
    cpu: PodProfile = PodProfile()
    env: list[Manifest] = Field(default_factory=list)
    env_from: list[Manifest] = Field(default_factory=list)
    work_size_limit: str | int = "12Gi"
    """Size limit of the folder for the video and its result."""
    tmp_size_limit: str | int = "2Gi"
    volumes: list[Manifest] = Field(default_factory=list)
    volume_mounts: list[Manifest] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    job_annotations: dict[str, str] = Field(default_factory=dict)
    job_labels: dict[str, str] = Field(default_factory=dict)
    """Of the Jobs, beside their own; Kueue reads its queue's name there."""
    image_pull_secrets: list[str | Manifest] = Field(default_factory=list)
    interactive_priority_class_name: str | None = None
    """Priority class of interactive jobs."""

    def profile(self, which: Profile) -> PodProfile:
        return self.gpu if which is Profile.GPU else self.cpu


def load_pod_config(path: Path | None) -> PodConfig:
    """Raises OSError, and pydantic.ValidationError for unknown or malformed fields."""
    return PodConfig.model_validate(json.loads(path.read_text())) if path else PodConfig()
