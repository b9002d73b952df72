"""A result of the cluster as a file for a moment: fetched whole and checked before the first byte is answered.

A reference is a pod's own word, and pods work on media from anywhere: no part of it becomes a path, and what it leads
to is answered only where it is what the reference announced.
"""

from tempfile import TemporaryFile
from typing import IO

from ecg_api.errors import StoreUnavailableError
from ecg_callbacks.ports import ResultSource
from ecg_common.verified import verified
from ecg_contract.host_protocol import ResultReference


async def fetched(results: ResultSource, result: ResultReference) -> IO[bytes]:
    """A file without a name, gone when it is closed.

    Raises StoreUnavailableError where the result cannot be read, or is another than was announced.
    """
    file = TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    try:
        await _write(results, result, file)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError):
            raise StoreUnavailableError(str(error)) from error
        raise
    return file


async def _write(results: ResultSource, result: ResultReference, file: IO[bytes]) -> None:
    async for piece in verified(results.chunks(result), result.bytes, result.sha256):
        file.write(piece)
    file.seek(0)
