"""Bodies, read with limits on length and patience; JSON ones as models."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from ecg_api.errors import ProblemError, wrong_fields

STALL_S = 60.0
"""Silence after which a body is given up."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_body(request: Request, model: type[ModelT], limit: int) -> ModelT:
    """The request's body as a `model`. Raises ProblemError: 408, 413, 415, 422."""
    if media_type(request) != "application/json":
        raise ProblemError(415, "the body must be JSON, sent with Content-Type: application/json")
    body = b"".join([piece async for piece in pieces(request, limit)])
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise wrong_fields(error.errors()) from None


async def pieces(request: Request, limit: int, stall_s: float = STALL_S) -> AsyncIterator[bytes]:
    """The body as it arrives, of at most `limit` bytes. Raises ProblemError: 408 for one that stalls, 413."""
    refuse_longer(request, limit)
    stream, received = request.stream(), 0
    while True:
        try:
            async with asyncio.timeout(stall_s):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            detail = f"no byte of the body came for {stall_s:g} seconds"
            raise ProblemError(408, detail, headers={"Connection": "close"}) from None
        received += len(piece)
        if received > limit:
            raise too_long(limit)
        yield piece


def refuse_longer(request: Request, limit: int) -> None:
    """Raise 413 for a declared length over `limit`, before a byte of it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_long(limit)


def too_long(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is longer than {limit} bytes", headers={"Connection": "close"})
