"""Reads a stored result whose writer is not trusted."""

from collections.abc import AsyncIterator

from ecg_callbacks.ports import ResultSource
from ecg_common.json_object import JsonObjectCheck, JsonObjectError
from ecg_common.verified import ResultDamagedError, verified
from ecg_contract.host_protocol import ResultReference
from ecg_contract.wire.models import WireResult


async def verified_result(results: ResultSource, result: ResultReference) -> AsyncIterator[bytes]:
    """Its bytes. Raises ResultDamagedError unless they are as announced: one JSON object with `WireResult`'s fields.

    Bytes that end the object early would add fields to the callback around them, so all of it has to be read before any
    of it is passed on.
    """
    check = JsonObjectCheck(WireResult.model_fields)
    try:
        async for chunk in verified(results.chunks(result), result.bytes, result.sha256):
            check.update(chunk)
            yield chunk
        check.close()
    except JsonObjectError as error:
        raise ResultDamagedError(f"the stored result is refused: {error}") from None
