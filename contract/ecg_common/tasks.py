"""Ends asyncio tasks."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def end_tasks(tasks: Iterable[asyncio.Future[Any]], limit_s: float | None = None) -> None:
    """Cancel the tasks and wait until they have ended, or for `limit_s` seconds; how they ended is not told."""
    chosen = {*tasks}
    for task in chosen:
        task.cancel()
    if chosen:
        ended, _ = await asyncio.wait(chosen, timeout=limit_s)
        for task in ended:
            _ = task.cancelled() or task.exception()  # asyncio logs an error that nobody has asked for
