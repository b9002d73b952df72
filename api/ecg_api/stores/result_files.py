"""Results of the cluster as files for a moment: fetched whole and checked before the first byte is answered.

A reference is a pod's own word, and pods work on media from anywhere: no part of it becomes a path, and what it leads
to is answered only where it is what the reference announced.
"""

import asyncio
import contextlib
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from ecg_api.stores.base import StoreUnavailableError
from ecg_contract.deliverer_ports import ResultSource
from ecg_contract.pipeline import ResultReference
from ecg_contract.result_chunks import ResultUnreadableError

_KEPT = 8


class ResultFiles:
    """The few that were asked for last."""

    def __init__(self, results: ResultSource) -> None:
        self._results = results
        self._folder = TemporaryDirectory(prefix="ecg-results-")
        self._lock = asyncio.Lock()

    async def file(self, result: ResultReference) -> Path:
        """Raises StoreUnavailableError where the result cannot be read, or is another than was announced."""
        path = Path(self._folder.name) / hashlib.sha256(result.to_json().encode()).hexdigest()
        async with self._lock:
            if path.exists():
                path.touch()
            else:
                await self._fetch(result, path)
                self._forget_old()
        return path

    async def _fetch(self, result: ResultReference, path: Path) -> None:
        unfinished = path.with_suffix(".part")
        try:
            await self._write(result, unfinished)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise StoreUnavailableError(str(error)) from error
        unfinished.rename(path)

    async def _write(self, result: ResultReference, path: Path) -> None:
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as file:
            async for piece in self._results.chunks(result):
                digest.update(piece)
                size += len(piece)
                if size > result.bytes:
                    break
                file.write(piece)
        if (size, digest.hexdigest()) != (result.bytes, result.sha256):
            raise ResultUnreadableError("the stored result is not the one that was announced")

    def _forget_old(self) -> None:
        """A file that is being sent stays readable for whoever has opened it."""
        files = sorted(Path(self._folder.name).iterdir(), key=lambda file: file.stat().st_mtime)
        for old in files[:-_KEPT]:
            old.unlink(missing_ok=True)
