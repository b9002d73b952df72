"""Errors of the API server, one class per decision of a caller.

ClusterError                the request was refused, or its outcome is unknown
├── NotFoundError           404
├── AlreadyExistsError      409 for a create
├── ConflictError           409: the object has changed since it was read
└── GoneError               410: the resourceVersion of a watch is too old; list again
"""

from typing import Any


class NoClusterError(Exception):
    """Neither KUBECONFIG nor a pod's service account says where the API server is."""


class ClusterError(Exception):
    """`str(error)` holds the request's method and path and the server's answer, never the request's body.

    `status` is the HTTP status, None without an answer; `message` the server's text.
    """

    def __init__(self, request: str, status: int | None, message: str) -> None:
        super().__init__(f"{request}: {status or 'no answer'}: {message}")
        self.status, self.message = status, message


class NotFoundError(ClusterError):
    pass


class AlreadyExistsError(ClusterError):
    pass


class ConflictError(ClusterError):
    pass


class GoneError(ClusterError):
    pass


_CLASSES = {404: NotFoundError, 409: ConflictError, 410: GoneError}


def cluster_error(request: str, status: int, answer: Any) -> ClusterError:
    """The error for an HTTP answer; `answer` is its JSON, normally a Kubernetes `Status`."""
    details = answer if isinstance(answer, dict) else {}
    exists = status == 409 and details.get("reason") == "AlreadyExists"
    error_class = AlreadyExistsError if exists else _CLASSES.get(status, ClusterError)
    return error_class(request, status, str(details.get("message", "")))
