"""Sets this process up as a child of its host: a stdout for reports only, signal handlers, exit with the parent."""

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
    """The real stdout, for reports only: what libraries print becomes log lines, what C code prints goes to stderr."""
    reports = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = LoggedOutput()
    return reports


def exit_on_sigterm(clean_up: Callable[[], None]) -> None:
    """On SIGTERM or SIGINT clean up and exit with 143, at once as the analysis runs in another thread."""

    def handle(number: int, frame: object) -> None:
        clean_up()
        os._exit(EXIT_TERMINATED)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def die_with_parent() -> None:
    """On Linux: have the kernel send SIGKILL when the parent ends, however it ends."""
    parent = os.getppid()
    if sys.platform == "linux" and parent != 1:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(EXIT_TERMINATED)
