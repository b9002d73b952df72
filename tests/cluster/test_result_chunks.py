"""A result comes out of its pieces as it went in, or not at all."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_cluster.result_chunks import CHUNK_BYTES, ConfigMapLocation, compressed, unpacked
from ecg_common.verified import ResultDamagedError


async def _stream(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _joined(pieces: Sequence[bytes], size: int, sha256: str) -> bytes:
    return b"".join([piece async for piece in unpacked(_stream(pieces), size, sha256)])


@pytest.mark.parametrize("data", [b"", b"{}", os.urandom(3 * CHUNK_BYTES), b"a" * 10_000_000])
async def test_what_was_packed_is_unpacked(data: bytes) -> None:
    pieces = compressed(data)
    assert max(map(len, pieces)) <= CHUNK_BYTES
    assert await _joined(pieces, len(data), hashlib.sha256(data).hexdigest()) == data


async def test_a_stream_that_unpacks_to_more_is_refused_early() -> None:
    pieces = compressed(b"a" * 100_000_000)
    got: list[int] = []
    with pytest.raises(ResultDamagedError, match="more than"):
        await _counted(unpacked(_stream(pieces), 1000, "00"), got)
    assert sum(got) < 1_000_000


async def _counted(pieces: AsyncIterator[bytes], got: list[int]) -> None:
    async for piece in pieces:
        got.append(len(piece))


@pytest.mark.parametrize("damage", ["short", "digest", "flipped", "missing"])
async def test_damage_is_refused(damage: str) -> None:
    data = os.urandom(2 * CHUNK_BYTES)
    pieces, size, digest = list(compressed(data)), len(data), hashlib.sha256(data).hexdigest()
    if damage == "short":
        size += 1
    elif damage == "digest":
        digest = "00"
    elif damage == "flipped":
        pieces[0] = pieces[0][:5000] + bytes([pieces[0][5000] ^ 1]) + pieces[0][5001:]
    else:
        del pieces[-1]
    with pytest.raises(ResultDamagedError):
        await _joined(pieces, size, digest)


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{0,50}-result-", fullmatch=True), st.integers(1, 9999))
def test_a_location_is_read_as_it_was_written(prefix: str, count: int) -> None:
    location = ConfigMapLocation(prefix, count)
    assert ConfigMapLocation.parse(str(location)) == location
    assert len(location.names) == count


@pytest.mark.parametrize(
    "text", ["s3://bucket/k", "configmaps:../x:1", "configmaps:a:0", "configmaps:a:99999", "/a/b", ""]
)
def test_another_location_is_none(text: str) -> None:
    assert ConfigMapLocation.parse(text) is None


async def test_others_run_while_a_small_stream_becomes_a_large_result() -> None:
    data, turns = bytes(64 * 1024 * 1024), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert len(await _joined(compressed(data), len(data), hashlib.sha256(data).hexdigest())) == len(data)
    task.cancel()
    assert turns >= 256, "at least one for each 256 KiB"
