"""What the client raises; errors of the connection are httpx's own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from pydantic import BaseModel, ValidationError

_LONGEST_WAIT_S = 60.0


class FieldError(BaseModel):
    field: str
    message: str


class _Problem(BaseModel):
    detail: str = ""
    errors: list[FieldError] = []


class EcgError(Exception):
    """The server refused a request, in its own words; `errors` has the fields that are wrong."""

    def __init__(self, status: int, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail, self.errors = status, detail, errors


def error_of(response: httpx.Response) -> EcgError:
    """Of an answer whose body has been read."""
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        problem = _Problem()
    return EcgError(response.status_code, problem.detail or response.reason_phrase, problem.errors)


def is_passing(error: Exception) -> bool:
    """Whether a stream that broke off is worth asking for again: the connection failed, or the server is stopping."""
    return isinstance(error, httpx.TransportError) or (isinstance(error, EcgError) and error.status == 503)


def seconds_to_wait(response: httpx.Response) -> float | None:
    """Before a request that was refused for want of room is sent again; None where it is not worth it."""
    if response.status_code not in (429, 503):
        return None
    return min(_LONGEST_WAIT_S, max(0.0, _retry_after(response.headers.get("retry-after", "1"))))


def _retry_after(value: str) -> float:
    if value.isdecimal():
        return float(value[:9])
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError):
        return 1.0
