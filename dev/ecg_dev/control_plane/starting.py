"""Waiting for programs to start, which may end instead."""

from collections.abc import Callable
from pathlib import Path

from ecg_dev.waiting import wait_until

_START_S = 120.0


def wait_for_start(what: str, condition: Callable[[], bool], ended: Callable[[], str | None], logs: Path) -> None:
    """Poll `condition` until it is true. Raises RuntimeError with the text of `ended` when a program has ended, and
    AssertionError after two minutes."""

    def is_up() -> bool:
        if condition():
            return True
        if text := ended():
            raise RuntimeError(text)
        return False

    wait_until(is_up, _START_S, lambda: f"{what} did not start; see the logs in {logs}", pause_s=0.1)
