"""A stored result is passed on whole as it was announced, or the reader is told."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from ecg_common.verified import ResultDamagedError, verified

CHUNKS = (b"ab", b"", b"c")
DIGEST = hashlib.sha256(b"abc").hexdigest()


async def _read(size: int, sha256: str) -> list[bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk

    return [chunk async for chunk in verified(chunks(), size, sha256)]


async def test_what_was_announced_is_passed_on() -> None:
    assert await _read(3, DIGEST) == list(CHUNKS)


@pytest.mark.parametrize(("size", "sha256"), [(2, DIGEST), (4, DIGEST), (3, DIGEST.upper()), (3, "")])
async def test_another_size_or_digest_is_damage(size: int, sha256: str) -> None:
    with pytest.raises(ResultDamagedError, match="announced"):
        await _read(size, sha256)
