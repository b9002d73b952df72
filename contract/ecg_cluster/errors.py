"""What the API server answers instead of what was asked, one class per decision of the caller.

ClusterError                the request was refused, or its outcome is unknown
├── NotFoundError           404
├── AlreadyExistsError      409 when something is created
├── ConflictError           409 when something has changed since it was read
├── GoneError               410: a watch's version is too old, list anew
├── RefusedError            401, 403, 422: the same request is refused again
└── UnavailableError        no answer, 429, 5xx: try again later
"""

from typing import Any


class NoClusterError(Exception):
    """Neither KUBECONFIG nor a pod's service account says where the API server is."""


class ClusterError(Exception):
    """`str(error)` says what was asked and what was answered; bodies are never in it."""

    def __init__(self, what: str, status: int | None, message: str) -> None:
        super().__init__(f"{what}: {status or 'no answer'}: {message}")
        self.status, self.message = status, message


class NotFoundError(ClusterError):
    pass


class AlreadyExistsError(ClusterError):
    pass


class ConflictError(ClusterError):
    pass


class GoneError(ClusterError):
    pass


class RefusedError(ClusterError):
    pass


class UnavailableError(ClusterError):
    pass


_UNAVAILABLE = (408, 425, 429)


def cluster_error(what: str, status: int, answer: Any) -> ClusterError:
    """The error for an HTTP answer; `answer` is its JSON, a Kubernetes `Status` as a rule."""
    details = answer if isinstance(answer, dict) else {}
    message, reason = str(details.get("message", "")), details.get("reason")
    return _class_of(status, reason)(what, status, message)


def _class_of(status: int, reason: Any) -> type[ClusterError]:
    if status >= 500 or status in _UNAVAILABLE:
        return UnavailableError
    if status == 409:
        return AlreadyExistsError if reason == "AlreadyExists" else ConflictError
    return {404: NotFoundError, 410: GoneError}.get(status, RefusedError)
