"""The lock that lets one server at a time use a data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecg_api.errors import StoreUnavailableError


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory's lock, which the kernel frees when the process dies.

    Raises StoreUnavailableError, whose message names the other server and what to do, while that one holds the lock,
    and where the directory cannot be written.
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
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise StoreUnavailableError(
                f"{data_dir.absolute()} is in use by another server (pid {holder}): "
                "stop that one, or name another folder by --data-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
