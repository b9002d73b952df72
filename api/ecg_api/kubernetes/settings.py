"""Settings of the API in a cluster."""

from ecg_cluster.settings import ResultsSettings


class KubernetesSettings(ResultsSettings):
    """The API server in a cluster (STORE=kubernetes)."""

    namespace: str
    """Namespace of the VideoJobs."""
