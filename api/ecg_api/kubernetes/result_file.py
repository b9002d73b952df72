"""Downloads a stored result to a temporary file, and verifies it before the first byte is served.

The reference comes from a pod that processes untrusted media, so no part of it becomes a path, and only bytes of the
announced length and digest are served.
"""

from tempfile import TemporaryFile
from typing import IO

from ecg_api.errors import StoreUnavailableError
from ecg_callbacks.ports import ResultSource
from ecg_callbacks.stored_result import verified_result
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
    async for piece in verified_result(results, result):
        file.write(piece)
    file.seek(0)
