"""This process's ties to its host: a stdout of its own, signals, and an end with its parent's."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from ecg_pipeline.process.logs import LoggedOutput

EXIT_TERMINATED = 143
_PR_SET_PDEATHSIG = 1


def claim_stdout() -> BinaryIO:
    """The real stdout, for reports alone: what libraries print becomes log lines, what C code prints goes to stderr."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = LoggedOutput()
    return reports


def end_on_sigterm(clean_up: Callable[[], None]) -> None:
    """Exit 143 at once. The work runs in another thread, so that the handler need not wait for C code to return."""

    def end(number: int, frame: object) -> None:
        clean_up()
        os._exit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def die_with_parent() -> None:
    """On Linux: SIGKILL when the parent ends, however it ends."""
    parent = os.getppid()
    if sys.platform == "linux" and parent != 1:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(EXIT_TERMINATED)
