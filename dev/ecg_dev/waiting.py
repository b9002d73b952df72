"""Waiting for a condition, with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

_PAUSE_S = 0.02


def wait_until(
    condition: Callable[[], object],
    timeout: float = 10.0,
    what: Callable[[], object] = lambda: "",
    *,
    pause_s: float = _PAUSE_S,
) -> None:
    """Evaluate `condition` until it is true, every `pause_s`. Raises AssertionError with `what()` after `timeout` s."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s: {what()}"
        time.sleep(pause_s)


async def wait_until_async(
    condition: Callable[[], object | Awaitable[object]],
    timeout: float = 10.0,  # noqa: ASYNC109 - as in wait_until: the AssertionError says what was waited for
    what: Callable[[], object] = lambda: "",
) -> None:
    """`wait_until` for what happens on this event loop; `condition` may be a coroutine function."""
    end = time.monotonic() + timeout
    while not await _value(condition):
        assert time.monotonic() < end, f"not within {timeout} s: {what()}"
        await asyncio.sleep(_PAUSE_S)


async def _value(condition: Callable[[], object | Awaitable[object]]) -> object:
    value = condition()
    return await value if inspect.isawaitable(value) else value
