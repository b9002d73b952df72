"""JSON bodies, read with a limit before anything is parsed."""

from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from ecg_api.problems import ProblemError, wrong_fields

ModelT = TypeVar("ModelT", bound=BaseModel)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_body(request: Request, model: type[ModelT], limit: int) -> ModelT:
    """The request's body as a `model`. Raises ProblemError: 413, 415, 422."""
    if media_type(request) != "application/json":
        raise ProblemError(415, "the body must be JSON, sent with Content-Type: application/json")
    body = await _read(request, limit)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise wrong_fields(error.errors()) from None


async def _read(request: Request, limit: int) -> bytes:
    refuse_longer(request, limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_long(limit)
    return bytes(body)


def refuse_longer(request: Request, limit: int) -> None:
    """Raise 413 for a declared length over `limit`, before a byte of it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_long(limit)


def too_long(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is longer than {limit} bytes", headers={"Connection": "close"})
