"""The errors that the HTTP layer turns into answers.

QueueFullError           429: as many jobs wait as are allowed to
StoreUnavailableError    503: nothing was stored
ProblemError             a status and a reason of its own; no message holds an input value
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel


class QueueFullError(Exception):
    """As many jobs wait as are allowed to."""


class StoreUnavailableError(Exception):
    """The job could not be stored durably; nothing was accepted."""


class FieldError(BaseModel):
    field: str
    message: str


class ProblemError(Exception):
    """An answer other than success; `detail` is for people and free of input values."""

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


def busy(status: int, detail: str, retry_after_s: int) -> ProblemError:
    return ProblemError(status, detail, headers={"Retry-After": str(retry_after_s)})


def wrong_field(field: str, message: str) -> ProblemError:
    return ProblemError(422, f"{field}: {message}", errors=[FieldError(field=field, message=message)])


def wrong_fields(errors: Iterable[Mapping[str, Any]]) -> ProblemError:
    """A 422 that names each wrong field and what it may be, from pydantic's errors."""
    found = [
        FieldError(field=".".join(map(str, e["loc"])) or "body", message=e["msg"].removeprefix("Value error, "))
        for e in errors
    ]
    return ProblemError(422, "; ".join(f"{e.field}: {e.message}" for e in found), errors=found)
