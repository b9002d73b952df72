"""Results of the cluster as files for a moment: fetched whole and checked before the first byte is answered."""

import asyncio
import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory

from ecg_api.stores.base import StoreUnavailableError
from ecg_contract.deliverer_ports import ResultSource
from ecg_contract.pipeline import ResultReference

_KEPT = 8


class ResultFiles:
    """The few that were asked for last; by their digest, so that none is another job's."""

    def __init__(self, results: ResultSource) -> None:
        self._results = results
        self._folder = TemporaryDirectory(prefix="ecg-results-")
        self._lock = asyncio.Lock()

    async def file(self, result: ResultReference) -> Path:
        """Raises StoreUnavailableError where the result cannot be read."""
        path = Path(self._folder.name) / result.sha256
        async with self._lock:
            if not path.exists():
                await self._fetch(result, path)
                self._forget_old()
        return path

    async def _fetch(self, result: ResultReference, path: Path) -> None:
        unfinished = path.with_suffix(".part")
        try:
            with unfinished.open("wb") as file:
                async for piece in self._results.chunks(result):
                    file.write(piece)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise StoreUnavailableError(str(error)) from error
        unfinished.rename(path)

    def _forget_old(self) -> None:
        """A file that is being sent stays readable for whoever has opened it."""
        files = sorted(Path(self._folder.name).iterdir(), key=lambda file: file.stat().st_mtime)
        for old in files[:-_KEPT]:
            old.unlink(missing_ok=True)
