"""What the client raises; errors of the connection are httpx's own."""

from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from pydantic import BaseModel, ValidationError

from ecg_contract.retry_after import parse_retry_after

_LONGEST_WAIT_S = 60.0
_PAUSE_S = 1.0
"""Where the server names none."""


class FieldError(BaseModel):
    field: str
    message: str


class _Problem(BaseModel):
    detail: str = ""
    message: str = ""
    """In place of `detail`, of a Kubernetes API server between."""
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
    return EcgError(response.status_code, problem.detail or problem.message or response.reason_phrase, problem.errors)


def is_passing(error: Exception) -> bool:
    """Whether a stream that broke off is worth asking for again: the connection failed, or the server is stopping."""
    return isinstance(error, httpx.TransportError) or (isinstance(error, EcgError) and error.status == 503)


def seconds_to_wait(response: httpx.Response) -> float | None:
    """Before a request that was refused for want of room is sent again; None where it is not worth it."""
    if response.status_code not in (429, 503):
        return None
    asked = parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    return _PAUSE_S if asked is None else min(_LONGEST_WAIT_S, asked.total_seconds())
