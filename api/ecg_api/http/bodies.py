"""Request bodies, read with a limit on length and on silence; JSON bodies as models."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from ecg_api.context import ContextOf
from ecg_api.errors import ProblemError, wrong_fields

STALL_S = 60.0
"""Longest wait for the next bytes of a body."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_body(model: type[BaseModel]) -> Any:
    """A FastAPI dependency, for use in `Annotated`: the request's JSON body as a `model`."""

    async def read(request: Request, context: ContextOf) -> BaseModel:
        return await read_json(request, model, context.settings.max_body_bytes)

    return Depends(read)


async def read_json(request: Request, model: type[ModelT], limit: int) -> ModelT:
    """The request's body as a `model`. Raises ProblemError: 408, 413, 415, 422."""
    if media_type(request) != "application/json":
        raise ProblemError(415, "the body must be JSON, sent with Content-Type: application/json")
    body = b"".join([piece async for piece in pieces(request, limit)])
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise wrong_fields(error.errors()) from None


async def pieces(request: Request, limit: int, stall_s: float = STALL_S) -> AsyncIterator[bytes]:
    """The body as it arrives, of at most `limit` bytes. Raises ProblemError: 408 after `stall_s` without bytes, 413."""
    _refuse_declared_length(request, limit)
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
            raise _too_long(limit)
        yield piece


def _refuse_declared_length(request: Request, limit: int) -> None:
    """Raise 413 for a declared length over `limit`, before a byte of it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise _too_long(limit)


def _too_long(limit: int) -> ProblemError:
    return ProblemError(413, f"the body is longer than {limit} bytes", headers={"Connection": "close"})
