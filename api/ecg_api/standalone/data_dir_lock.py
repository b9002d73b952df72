"""The lock that lets one server at a time use a data directory."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_api.errors import StoreUnavailableError

_SERVER_S = 1.0
"""Seconds that a server which has just been stopped gets to end."""
_ORPHANS_S = 10.0
"""Seconds that the pipeline processes of a killed server get to end; the kernel ends them at once on Linux."""
_PAUSE_S = 0.05
_log = logging.getLogger(__name__)


@contextmanager
def locked(data_dir: Path) -> Iterator[int]:
    """Hold the directory's lock, which the kernel frees when this process and those that inherited the file
    descriptor, which is returned, have ended.

    Waits for the pipeline processes of a server that has ended. Raises StoreUnavailableError, whose message names the
    other server and what to do, while that one lives, and where the directory cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailableError(
            f"{data_dir.absolute()} cannot be written ({error.strerror}): "
            "give this user the right to, or name another folder by --data-dir or DATA_DIR"
        ) from None
    try:
        if not _is_taken(descriptor):
            _wait(descriptor, data_dir)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, data_dir: Path) -> None:
    _log.warning("data_directory_in_use", extra={"server": _holder(descriptor)})
    began = time.monotonic()
    while not _is_taken(descriptor):
        holder = _holder(descriptor)
        if time.monotonic() - began > (_SERVER_S if _is_alive(holder) else _ORPHANS_S):
            raise StoreUnavailableError(
                f"{data_dir.absolute()} is in use by another server (pid {holder}): "
                "stop that one, or name another folder by --data-dir"
            )
        time.sleep(_PAUSE_S)


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"


def _is_alive(pid: str) -> bool:
    """Whether a process of this number runs; True where it cannot be told."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True
