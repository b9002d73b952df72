"""Checks that a stored result is the one that was announced."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator


class ResultDamagedError(OSError):
    """The stored result is missing, another than was announced, or no result."""


async def verified(chunks: AsyncIterable[bytes], size: int, sha256: str) -> AsyncIterator[bytes]:
    """Yields `chunks`. Raises ResultDamagedError at once beyond `size` bytes, at the end for another digest or size."""
    digest, seen = hashlib.sha256(), 0
    async for chunk in chunks:
        seen += len(chunk)
        if seen > size:
            raise ResultDamagedError(f"the stored result has more than the {size} bytes announced")
        digest.update(chunk)
        yield chunk
    if (seen, digest.hexdigest()) != (size, sha256):
        raise ResultDamagedError("the stored result is not the one that was announced")
