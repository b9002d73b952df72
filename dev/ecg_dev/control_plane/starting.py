"""Waiting for programs that may end instead."""

import time
from collections.abc import Callable
from pathlib import Path

_START_S = 120.0


def wait_for_start(what: str, condition: Callable[[], bool], ended: Callable[[], str | None], logs: Path) -> None:
    """Until `condition`, asked every 0.1 s: the programs do not say when they are up. Raises RuntimeError with what
    `ended` says of a program that is no more, or when the time is over."""
    deadline = time.monotonic() + _START_S
    while not condition():
        if words := ended():
            raise RuntimeError(words)
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up within {_START_S:.0f} s; see the logs in {logs}")
        time.sleep(0.1)
