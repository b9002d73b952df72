"""Waiting for a condition, with a deadline."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], *, within_s: float = 20.0, every_s: float = 0.05) -> None:
    """Return once `condition()` is true. Raises AssertionError when it is not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not so within {within_s:g} s"
        time.sleep(every_s)
