"""Reading a body: limits on its length and on silence."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from ecg_api.errors import ProblemError
from ecg_api.http.bodies import pieces


def _request(*sent: bytes) -> Request:
    """A request whose client sends these pieces and then stalls, without ending the body."""
    waiting = list(sent)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": True}

    scope: dict[str, Any] = {"type": "http", "headers": []}
    typed: Callable[[], Awaitable[Any]] = receive
    return Request(scope, typed)


async def test_a_body_that_stalls_is_given_up_with_a_408() -> None:
    with pytest.raises(ProblemError) as refusal:
        [piece async for piece in pieces(_request(b'{"job'), limit=100, stall_s=0.05)]
    assert refusal.value.status == 408


async def test_a_body_is_cut_at_the_limit() -> None:
    body = pieces(_request(b"x" * 60, b"x" * 60, b"x"), limit=100)
    assert await anext(body) == b"x" * 60
    with pytest.raises(ProblemError) as refusal:
        await anext(body)
    assert refusal.value.status == 413
