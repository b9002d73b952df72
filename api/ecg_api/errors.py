"""The errors that the HTTP layer answers as problem+json.

QueueFullError           429: the queue is full
StoreUnavailableError    503: jobs cannot be stored or read
ProblemError             carries its status; no message repeats an input value
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecg_contract.base_model import WireModel


class QueueFullError(Exception):
    """The queue is full: QUEUE_LIMIT jobs wait, or of the key `of_key` as many as it may have."""

    def __init__(self, of_key: str | None = None) -> None:
        super().__init__("the queue is full")
        self.of_key = of_key


class StoreUnavailableError(Exception):
    """Jobs cannot be stored durably, or read; nothing was accepted."""


class FieldError(WireModel):
    """A wrong field of a request."""

    field: str
    """Its name; of a nested one with dots, `body` for the whole."""
    message: str
    """What is allowed."""


class ProblemError(Exception):
    """A refused request; `detail` is for people and repeats no input value."""

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


def busy(status: int, detail: str, retry_after_s: int = 5) -> ProblemError:
    return ProblemError(status, detail, headers={"Retry-After": str(retry_after_s)})


def queue_full(error: QueueFullError) -> ProblemError:
    whose = f" of the key {error.of_key}" if error.of_key else ""
    return busy(429, f"too many jobs{whose} are waiting; try again later", retry_after_s=30)


def wrong_field(field: str, message: str) -> ProblemError:
    return ProblemError(422, f"{field}: {message}", errors=[FieldError(field=field, message=message)])


def wrong_fields(errors: Iterable[Mapping[str, Any]]) -> ProblemError:
    """A 422 that names each wrong field and what it may be, from pydantic's errors."""
    found = [
        FieldError(field=".".join(map(str, e["loc"])) or "body", message=e["msg"].removeprefix("Value error, "))
        for e in errors
    ]
    return ProblemError(422, "; ".join(f"{e.field}: {e.message}" for e in found), errors=found)
