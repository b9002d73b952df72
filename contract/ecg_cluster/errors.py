"""Errors of the API server, one class per decision of a caller.

ClusterError                the request was refused, or its outcome is unknown
├── NotFoundError           404
├── AlreadyExistsError      409 for a create
├── ConflictError           409: the object has changed since it was read
└── GoneError               410: the resourceVersion of a watch is too old; list again
"""

from datetime import timedelta
from typing import Any

from ecg_common.redact import redact_text

_LONGEST_PAUSE_S = 60.0


class NoClusterError(Exception):
    """Neither KUBECONFIG nor a pod's service account says where the API server is."""


class ClusterError(Exception):
    """`str(error)` holds the request's method and path and the server's answer, never the request's body.

    `status` is the HTTP status, None without an answer; `message` the server's text, redacted, as admission webhooks
    and container runtimes write into it.
    """

    def __init__(self, request: str, status: int | None, message: str, retry_after: timedelta | None = None) -> None:
        message = redact_text(message)
        super().__init__(f"{request}: {status or 'no answer'}: {message}")
        self.status, self.message, self.retry_after = status, message, retry_after

    def pause_s(self, least: float) -> float:
        """Seconds to wait before a repetition: `least`, or what the server asks for, up to a minute."""
        asked = self.retry_after.total_seconds() if self.retry_after else 0.0
        return max(least, min(asked, _LONGEST_PAUSE_S))


class NotFoundError(ClusterError):
    pass


class AlreadyExistsError(ClusterError):
    pass


class ConflictError(ClusterError):
    pass


class GoneError(ClusterError):
    pass


_CLASSES = {404: NotFoundError, 409: ConflictError, 410: GoneError}


def cluster_error(request: str, status: int, answer: Any, retry_after: timedelta | None = None) -> ClusterError:
    """The error for an HTTP answer; `answer` is its JSON, normally a Kubernetes `Status`."""
    details = answer if isinstance(answer, dict) else {}
    exists = status == 409 and details.get("reason") == "AlreadyExists"
    error_class = AlreadyExistsError if exists else _CLASSES.get(status, ClusterError)
    return error_class(request, status, str(details.get("message", "")), retry_after)
