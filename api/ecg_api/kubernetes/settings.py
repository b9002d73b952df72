"""Settings of the API in a cluster."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class KubernetesSettings(BaseSettings):
    """The API server in a cluster (STORE=kubernetes)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, env_ignore_empty=True)

    namespace: str
    """Namespace of the VideoJobs."""

    results_bucket: str | None = None
    """S3 bucket that results and uploads are stored in; without it results are in ConfigMaps, and uploads refused."""

    results_prefix: str = ""
    """Put before the keys in RESULTS_BUCKET."""
