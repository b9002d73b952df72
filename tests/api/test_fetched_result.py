"""Results downloaded from the cluster: a pod's reference is neither used as a path nor trusted."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from ecg_api.errors import StoreUnavailableError
from ecg_api.kubernetes.result_file import fetched
from ecg_contract.host_protocol import ResultReference


class Shelf:
    """`ResultSource` in memory, by location."""

    def __init__(self, **stored: bytes) -> None:
        self.stored, self.given = stored, 0

    async def chunks(self, result: ResultReference) -> AsyncIterator[bytes]:
        data = self.stored[result.location]
        for start in range(0, len(data), 3):
            self.given += 3
            yield data[start : start + 3]


def reference(location: str, sha256: str, size: int) -> ResultReference:
    return ResultReference(
        location=location, sha256=sha256, bytes=size, segments=0, words=0, speakers=0, language="ko",
        duration=1.0, processing_time=1.0,
    )  # fmt: skip


def genuine(location: str, data: bytes) -> ResultReference:
    return reference(location, hashlib.sha256(data).hexdigest(), len(data))


async def test_a_result_is_read_whole() -> None:
    with await fetched(Shelf(own=b"the result"), genuine("own", b"the result")) as file:
        assert file.read() == b"the result"


@pytest.mark.parametrize("digest", ["/proc/self/environ", "../../../../../../../proc/self/environ", ""])
async def test_a_digest_is_no_path(digest: str) -> None:
    with pytest.raises(StoreUnavailableError, match="announced"):
        await fetched(Shelf(own=b"x"), reference("own", digest, 1))


@pytest.mark.parametrize("size", [3, 7, 9])
async def test_nobody_is_given_what_was_not_announced(size: int) -> None:
    digest = hashlib.sha256(b"genuine").hexdigest()
    with pytest.raises(StoreUnavailableError, match="announced"):
        await fetched(Shelf(forged=b"forged!"), reference("forged", digest, size))


async def test_more_than_was_announced_is_not_even_fetched() -> None:
    shelf = Shelf(endless=bytes(3_000_000))
    with pytest.raises(StoreUnavailableError, match="announced"):
        await fetched(shelf, reference("endless", "", 6))
    assert shelf.given < 20
