"""The hub's cache on this disk, in the layout that huggingface_hub documents and other tools share:
`models--OWNER--NAME/{refs/REVISION, snapshots/COMMIT/FILE -> ../../blobs/DIGEST}`.

A blob is named by its digest: SHA-256 for large files, git's SHA-1 for small ones.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PIECE = 1 << 20


class HubCache:
    """The cache in one folder. Methods raise OSError where the disk does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def repository(self, name: str) -> Path:
        return self.root / f"models--{name.replace('/', '--')}"

    def snapshot(self, name: str, revision: str) -> Path | None:
        """The folder of the revision as it was when it was last downloaded; it may lack files."""
        base = self.repository(name)
        commit = revision if _COMMIT.fullmatch(revision) else _read(base / "refs" / revision)
        folder = base / "snapshots" / commit if commit else None
        return folder if folder and folder.is_dir() else None

    def blob(self, name: str, digest: str) -> Path:
        folder = self.repository(name) / "blobs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / digest

    def stored_bytes(self, name: str, digest: str | None) -> int:
        """How much of the file of this digest is on the disk."""
        blob = self.repository(name) / "blobs" / (digest or "")
        for file in (blob, blob.with_name(f"{blob.name}.incomplete")):
            if digest and file.is_file():
                return file.stat().st_size
        return 0

    def link(self, name: str, commit: str, file: str, blob: Path) -> None:
        """Have the snapshot of `commit` contain `file`."""
        target = self.repository(name) / "snapshots" / commit / file
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(blob, target.parent))
        temporary.replace(target)

    def remember(self, name: str, revision: str, commit: str) -> Path:
        """Record that `revision` is `commit`; the snapshot's folder."""
        base = self.repository(name)
        if revision != commit:
            reference = base / "refs" / revision
            reference.parent.mkdir(parents=True, exist_ok=True)
            temporary = reference.with_name(f".{reference.name}.{os.getpid()}")
            temporary.write_text(commit)
            temporary.replace(reference)
        return base / "snapshots" / commit

    def linked(self, folder: Path) -> Iterator[tuple[Path, Path]]:
        """Files of a snapshot and their blobs."""
        for file in folder.rglob("*"):
            if file.is_symlink() and file.is_file():
                yield file, file.resolve()

    def damaged(self, folder: Path) -> list[tuple[Path, Path]]:
        """A snapshot's files, with their blobs, whose content is not what the blob's name says."""
        return [(file, blob) for file, blob in self.linked(folder) if not is_intact(blob, blob.name)]

    def remove_damaged(self, folder: Path) -> list[str]:
        """Remove a snapshot's files whose content is not what their blob's name says; their names."""
        damaged = self.damaged(folder)
        for file, blob in damaged:
            _log.error(
                "model_file_damaged", extra={"file": str(file.relative_to(folder)), "bytes": blob.stat().st_size}
            )
            blob.unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        return [str(file.relative_to(folder)) for file, _ in damaged]


def is_intact(file: Path, digest: str) -> bool:
    """Whether the content has this digest, which is SHA-256 or git's SHA-1 in hexadecimal; True for any other name."""
    with file.open("rb") as data:
        if re.fullmatch(r"[0-9a-f]{64}", digest):
            found = hashlib.sha256()
        elif _COMMIT.fullmatch(digest):
            found = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
        else:
            return True
        while piece := data.read(_PIECE):
            found.update(piece)
    return found.hexdigest() == digest


def _read(reference: Path) -> str:
    try:
        return reference.read_text().strip()
    except (OSError, UnicodeError):
        return ""
