"""The operator's settings, read from the environment once at start and passed on from there."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ecg_callbacks.settings import CallbackSettings
from ecg_cluster.settings import ResultsSettings
from ecg_common.setting_types import Seconds
from ecg_common.settings import AttemptSettings, LogSettings
from ecg_contract.attempt_outcome import RetryPolicy


class OperatorSettings(CallbackSettings, ResultsSettings, AttemptSettings, LogSettings):
    """The operator."""

    namespace: str
    """Namespace whose VideoJobs it works on."""
    pipeline_image: str
    """Image of the pipeline's pods."""
    pipeline_image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When a node pulls that image."""
    pipeline_service_account: str = "ecg-pipeline"
    """Service account of the pipeline's pods, the one that the admission policies speak of."""
    pod_config_file: Path | None = None
    """JSON file with what pods have beside the operator's own fields: `gpu` and `cpu` profiles, `env`, volumes."""
    gpu_enabled: bool = False
    """Run jobs that ask for a GPU with the `gpu` profile; the `cpu` profile without it."""
    job_ttl_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 86_400
    """How long a VideoJob is kept once it is finished and its last callback settled, where it names no time."""
    max_active_jobs: Annotated[int, Field(ge=0)] = 0
    """Jobs at work at a time; further VideoJobs wait in a queue without a Job. 0 sets no limit."""
    queue_limit_seconds: Seconds | None = None
    """Longest time in the queue and for a node before a job fails, in seconds, where the VideoJob names none; without
    it, waiting fails no job."""
    stuck_limit_s: Seconds = 300
    """Longest wait for what a person has to repair, in seconds: an image that cannot be pulled, a Secret or volume that
    is missing, a Job or pod that the API server refuses."""
    standby_gpu: Annotated[int, Field(ge=0)] = 0
    """Pods with the `gpu` profile that have loaded their models and wait for a job, which they then run, one each."""
    standby_cpu: Annotated[int, Field(ge=0)] = 0
    """The same with the `cpu` profile."""
    standby_idle_s: Seconds | None = None
    """Seconds without a new job after which no pod stands by, until the next job; without it, pods always do."""
    standby_owner: str | None = None
    """ConfigMap with which the standby Jobs that no VideoJob has taken are removed; the chart names one of its own."""
    resync_s: Seconds = 30
    """How often everything is listed, to see that no event was missed, in seconds."""
    watch_lag_limit_s: Seconds = 15
    """How long a listed change may take to come through the watch before the watches count as stalled, in seconds."""
    lease_name: str = "ecg-operator"
    """Lease that the one acting operator holds."""
    lease_duration_s: Seconds = 20
    """How long the Lease of an operator that died keeps others from acting, in seconds."""
    pod_uid: str | None = None
    """UID of the operator's pod: a container that is started again in it acts at once on the Lease of the one before.
    Without it, every start awaits the end of that Lease."""
    lease_renew_s: Seconds = 5
    """How often the Lease is renewed, in seconds."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /healthz and /readyz; 0 takes a free one."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9090
    """Port of the Prometheus metrics; 0 takes a free one."""

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(cpu_fallback=self.cpu_fallback)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)
