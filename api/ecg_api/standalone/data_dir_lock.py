"""One server at a time on a data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataDirInUseError(Exception):
    """Another server works on this data directory; the message says which and what to do."""


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory's lock, which the kernel frees when the process dies. Raises DataDirInUseError."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise DataDirInUseError(
                f"{data_dir.absolute()} is in use by another server (pid {holder}): "
                "stop that one, or name another folder by --data-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
