"""Where the components in a cluster keep results."""

from typing import Annotated

from pydantic import Field

from ecg_common.settings import EnvironmentSettings


class ResultsSettings(EnvironmentSettings):
    results_bucket: str | None = None
    """S3 bucket that results and uploads are stored in; without it results are in ConfigMaps, and uploads refused."""
    results_prefix: Annotated[str, Field(max_length=250)] = ""
    """Put before the keys in RESULTS_BUCKET."""
