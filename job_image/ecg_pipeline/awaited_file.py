"""A file that somebody else writes, and when."""

import time
from pathlib import Path

from watchfiles import watch

_LOOK_AGAIN_MS = 1000
"""A change just before the watch began is seen after this time."""


def content_of(file: Path, timeout_s: float | None = None) -> bytes | None:
    """The file's content as soon as it has one, without white space around it; None after `timeout_s`.

    Raises OSError where the folder is missing or the file cannot be read. The kubelet replaces the files of a volume by
    renaming a link beside them: the folder is watched.
    """
    end = None if timeout_s is None else time.monotonic() + timeout_s
    if content := _read(file):
        return content
    changes = watch(
        file.parent,
        watch_filter=None,
        debounce=1,
        step=1,
        rust_timeout=_LOOK_AGAIN_MS,
        yield_on_timeout=True,
        recursive=False,
        raise_interrupt=False,
    )
    for _ in changes:
        if content := _read(file):
            return content
        if end is not None and time.monotonic() >= end:
            return None
    raise AssertionError("a watch without a stop event has no end")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except FileNotFoundError:
        return b""
