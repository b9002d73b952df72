"""A result in pieces that fit into ConfigMaps: one gzip stream, split, and decompressed piece by piece.

A reader stops at the announced size, so that a small stream cannot decompress to an unlimited amount.
"""

import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Self

from ecg_common.verified import ResultDamagedError, verified

CHUNK_BYTES = 900 * 1024
"""Longest piece; an object in etcd may have 1.5 MiB."""
CHUNK_KEY = "chunk"
"""Key of a piece in its ConfigMap's `binaryData`."""
_PIECE = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_LOCATION = re.compile(r"configmaps:([a-z0-9][a-z0-9.-]*):([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class ConfigMapLocation:
    """`count` ConfigMaps, whose names are `prefix` followed by 0, 1, 2, ..."""

    prefix: str
    count: int

    def __str__(self) -> str:
        return f"configmaps:{self.prefix}:{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Returns None for another kind of location."""
        found = _LOCATION.fullmatch(text)
        return cls(found[1], int(found[2])) if found else None

    @property
    def names(self) -> Sequence[str]:
        return [f"{self.prefix}{number}" for number in range(self.count)]


def compressed(data: bytes) -> Sequence[bytes]:
    """`data` as a gzip stream in pieces; the same data always gives the same pieces."""
    packed = gzip.compress(data, compresslevel=6, mtime=0)
    return [packed[i : i + CHUNK_BYTES] for i in range(0, len(packed), CHUNK_BYTES)]


def unpacked(pieces: AsyncIterable[bytes], size: int, sha256: str) -> AsyncIterator[bytes]:
    """The data that `compressed` was given, in pieces of at most 256 KiB.

    Raises ResultDamagedError where it is not `size` bytes with this digest.
    """
    return verified(_decompressed(pieces), size, sha256)


async def _decompressed(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    async for piece in pieces:
        rest = piece
        while rest:
            try:
                data = decompressor.decompress(rest, _PIECE)
            except zlib.error as error:
                raise ResultDamagedError(f"the stored result is damaged: {error}") from None
            rest = decompressor.unconsumed_tail
            if data:
                yield data
                await asyncio.sleep(0)  # 256 MiB may come of a few packed ones: others run between the pieces
