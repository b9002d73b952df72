"""Downloads a repository's files into the cache: resumed where they broke off, and checked before they count."""

import contextlib
import errno
import fcntl
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import httpx

from ecg_pipeline.model_hub.cache import HubCache, is_intact
from ecg_pipeline.model_hub.client import HubClient, HubFile, pieces
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault, reason_of
from ecg_pipeline.model_hub.patience import Patience

_log = logging.getLogger(__name__)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TRIES_OF_A_DAMAGED_FILE = 2
OnBytes = Callable[[int], None]


class DamagedError(Exception):
    """A file arrived with another content than the hub announced."""


class FileDownload:
    """One file of one commit."""

    def __init__(self, client: HubClient, cache: HubCache, model: str, commit: str, on_bytes: OnBytes) -> None:
        self._client, self._cache, self._model, self._commit = client, cache, model, commit
        self._on_bytes = on_bytes

    def run(self, file: HubFile, patience: Patience) -> None:
        """Have the cache contain `file`. Raises ModelFault."""
        blob = self._cache.blob(self._model, file.digest or f"{self._commit}-{file.name.replace('/', '-')}")
        if not blob.exists():
            partial = blob.with_name(f"{blob.name}.incomplete")
            with _only_writer(partial, blob, patience, self._model) as target:
                if target is not None:
                    self._complete(file, target, partial, patience)
                    partial.replace(blob)
        self._cache.link(self._model, self._commit, file.name, blob)

    def _complete(self, file: HubFile, target: BinaryIO, partial: Path, patience: Patience) -> None:
        damaged = 0
        while True:
            try:
                self._append(file, target, patience)
                self._check(file, target, partial)
            except httpx.HTTPError as error:
                patience.wait_or_give_up(reason_of(error))
            except DamagedError as error:
                damaged += 1
                if damaged == _TRIES_OF_A_DAMAGED_FILE:
                    found = f"{file.name} of {self._model} arrives damaged from the model hub ({error})"
                    raise ModelFault(FaultKind.DAMAGED, self._model, found) from None
                target.truncate(0)
                _log.warning("model_file_damaged", extra={"file": file.name, "reason": str(error)})
            else:
                return

    def _append(self, file: HubFile, target: BinaryIO, patience: Patience) -> None:
        """Download what `target` lacks."""
        first = target.seek(0, 2)
        if file.size is not None and first == file.size:
            return
        with self._client.open(self._model, self._commit, file.name, first) as answer:
            if first and answer.status_code != httpx.codes.PARTIAL_CONTENT:
                target.truncate(0)
                target.seek(0)
            for piece in pieces(answer):
                target.write(piece)
                patience.has_news(len(piece))
                self._on_bytes(len(piece))
            target.flush()
        if file.size is not None and target.tell() < file.size:
            raise httpx.RemoteProtocolError(f"it ended after {target.tell()} of {file.size} bytes")

    def _check(self, file: HubFile, target: BinaryIO, partial: Path) -> None:
        size = target.tell()
        if file.size is not None and size != file.size:
            raise DamagedError(f"{size} bytes instead of {file.size}")
        if file.digest and not is_intact(partial, file.digest):
            raise DamagedError("its digest is another")


@contextlib.contextmanager
def _only_writer(partial: Path, blob: Path, patience: Patience, model: str) -> Iterator[BinaryIO | None]:
    """The partial file, open at its end; None where another process completed it meanwhile."""
    with disk_faults(model, partial), partial.open("ab+") as target:
        seen = -1
        while not _locked(target):
            size = partial.stat().st_size if partial.exists() else seen
            if blob.exists():
                yield None
                return
            if size != seen:
                patience.has_news(abs(size - seen))
                seen = size
            patience.wait_or_give_up("another process downloads it and does not get on", tries=False)
        yield None if blob.exists() else target


def _locked(target: BinaryIO) -> bool:
    try:
        fcntl.flock(target, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


@contextlib.contextmanager
def disk_faults(model: str, place: Path) -> Iterator[None]:
    """Turns errors of the disk into ModelFault."""
    try:
        yield
    except OSError as error:
        what = "is full" if error.errno in _FULL else f"cannot be written ({error.strerror or error})"
        raise ModelFault(FaultKind.DISK, model, f"the disk of {place.parent} {what}: {model} is not stored") from error
