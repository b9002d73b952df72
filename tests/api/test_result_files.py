"""Results fetched from the cluster: what a pod says of its result is neither a path nor believed."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecg_api.stores.base import StoreUnavailableError
from ecg_api.stores.result_files import ResultFiles
from ecg_contract.pipeline import ResultReference


class Shelf:
    """`ResultSource` in memory, by location."""

    def __init__(self, **stored: bytes) -> None:
        self.stored, self.fetched = stored, 0

    async def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        self.fetched += 1
        data = self.stored[result.location]
        for start in range(0, len(data), 3):
            yield data[start : start + 3]


def reference(location: str, sha256: str, size: int) -> ResultReference:
    return ResultReference(
        location=location, sha256=sha256, bytes=size, segments=0, words=0, speakers=0, language="ko",
        duration=1.0, processing_time=1.0,
    )  # fmt: skip


def genuine(location: str, data: bytes) -> ResultReference:
    return reference(location, hashlib.sha256(data).hexdigest(), len(data))


async def test_a_result_is_fetched_once() -> None:
    shelf = Shelf(own=b"the result")
    files = ResultFiles(shelf)
    for _ in range(2):
        assert (await files.file(genuine("own", b"the result"))).read_bytes() == b"the result"
    assert shelf.fetched == 1


async def test_a_digest_is_no_path(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("the front door's own")
    files = ResultFiles(Shelf(own=b"x"))
    for digest in (str(secret)[:64], "/proc/self/environ", "../../../../../../../proc/self/environ"):
        with pytest.raises(StoreUnavailableError, match="announced"):
            await files.file(reference("own", digest, 1))


@pytest.mark.parametrize("size", [3, 7, 9])
async def test_nobody_is_given_what_was_not_announced(size: int) -> None:
    files = ResultFiles(Shelf(own=b"genuine", forged=b"forged!"))
    digest = hashlib.sha256(b"genuine").hexdigest()
    with pytest.raises(StoreUnavailableError, match="announced"):
        await files.file(reference("forged", digest, size))
    assert (await files.file(genuine("own", b"genuine"))).read_bytes() == b"genuine"


async def test_the_ones_asked_for_last_are_kept() -> None:
    shelf = Shelf(**{f"r{i}": bytes([i]) for i in range(20)})
    files = ResultFiles(shelf)
    first = await files.file(genuine("r0", bytes([0])))
    for i in range(1, 20):
        await files.file(genuine(f"r{i}", bytes([i])))
        await files.file(genuine("r0", bytes([0])))
    assert first.read_bytes() == bytes([0])
    assert len(list(first.parent.iterdir())) == 8
