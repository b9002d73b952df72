"""Settings of the API in a cluster."""

from typing import Annotated

from pydantic import Field

from ecg_cluster.settings import ResultsSettings


class KubernetesSettings(ResultsSettings):
    """The API server in a cluster (STORE=kubernetes)."""

    namespace: str
    """Namespace of the VideoJobs."""
    queue_limit: Annotated[int, Field(ge=0)] = 5000
    """Jobs that may wait; more are answered 429. 0 sets no limit."""
