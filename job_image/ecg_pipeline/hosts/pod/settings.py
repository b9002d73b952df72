"""The identity of a pipeline's pod, which its Job sets in the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ecg_common.settings import EnvironmentSettings


class PodSettings(EnvironmentSettings):
    """The pod's side. Set by the operator, not by people."""

    pod_name: str
    """The pod's name."""
    pod_uid: str
    """The pod's uid."""
    pod_namespace: str
    """Its namespace, which is the VideoJob's too."""
    result_url_file: Path | None = None
    """File with the presigned URL that the result is PUT to, where it goes to S3."""
    termination_log: Path = Path("/dev/termination-log")
    """File that Kubernetes reads the container's termination message from."""
    report_patience_s: Annotated[float, Field(gt=0)] = 900.0
    """How long the last report and the result are retried while the API server is unavailable, in seconds."""
    standby_ready_file: Path | None = None
    """File that a standby pod creates when its models are loaded; its startup probe looks for it."""
