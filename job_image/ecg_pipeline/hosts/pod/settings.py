"""The identity of a pipeline's pod, which its Job sets in the environment."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ecg_common.load_settings import load_settings
from ecg_common.settings import EnvironmentSettings


class PodSettings(EnvironmentSettings):
    """The pod's side. Set by the operator, not by people."""

    videojob_name: str
    """VideoJob that the pod works for; where it is set, the process reports to the API server."""
    videojob_uid: str
    """uid of that VideoJob."""
    pod_name: str
    """The pod's name."""
    pod_uid: str
    """The pod's uid."""
    pod_namespace: str
    """The namespace of both."""
    result_location: str | None = None
    """S3 URL that the result is stored under; ConfigMaps without it."""
    result_url_file: Path | None = None
    """File with the presigned URL that the result is PUT to."""
    termination_log: Path = Path("/dev/termination-log")
    """File that Kubernetes reads the container's termination message from."""
    report_patience_s: Annotated[float, Field(gt=0)] = 900.0
    """How long the last report and the result are retried while the API server is unavailable, in seconds."""


def pod_settings() -> PodSettings | None:
    """None outside a cluster. Ends the program with status 2 where they are wrong."""
    return load_settings(PodSettings) if os.environ.get("VIDEOJOB_NAME") else None
