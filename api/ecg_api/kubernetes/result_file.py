"""Downloads a stored result to a temporary file, and verifies it before the first byte is served.

The reference comes from a pod that processes untrusted media, so no part of it becomes a path, and only bytes of the
announced length and digest are served.
"""

import hashlib
from tempfile import TemporaryFile
from typing import IO

from ecg_api.errors import StoreUnavailableError
from ecg_callbacks.ports import ResultSource
from ecg_cluster.result_chunks import ResultUnreadableError
from ecg_contract.host_protocol import ResultReference


async def fetched(results: ResultSource, result: ResultReference) -> IO[bytes]:
    """The result as an unnamed temporary file, to be closed by the caller.

    Raises StoreUnavailableError where the result cannot be read, or differs from its reference.
    """
    file = TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        await _write(results, result, file)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError):
            raise StoreUnavailableError(str(error)) from error
        raise
    return file


async def _write(results: ResultSource, result: ResultReference, file: IO[bytes]) -> None:
    digest, size = hashlib.sha256(), 0
    async for piece in results.chunks(result):
        digest.update(piece)
        size += len(piece)
        if size > result.bytes:
            break
        file.write(piece)
    if (size, digest.hexdigest()) != (result.bytes, result.sha256):
        raise ResultUnreadableError("the stored result is not the one that was announced")
    file.seek(0)
