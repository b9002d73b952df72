"""URL paths of the API server."""

from ecg_contract.videojob.resource import API_VERSION, PLURAL


def videojobs(namespace: str, name: str | None = None, part: str | None = None) -> str:
    """All VideoJobs, one of them, or its `status`."""
    return _path(f"apis/{API_VERSION}", namespace, PLURAL, name, part)


def jobs(namespace: str, name: str | None = None) -> str:
    return _path("apis/batch/v1", namespace, "jobs", name)


def core(namespace: str, kind: str, name: str | None = None) -> str:
    """`kind` in the plural: pods, secrets, configmaps, events."""
    return _path("api/v1", namespace, kind, name)


def leases(namespace: str, name: str | None = None) -> str:
    return _path("apis/coordination.k8s.io/v1", namespace, "leases", name)


def _path(group: str, namespace: str, *parts: str | None) -> str:
    return "/".join(["", group, "namespaces", namespace, *(part for part in parts if part)])
