"""Results downloaded from the cluster: a pod's reference is neither used as a path nor trusted."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from ecg_api.errors import StoreUnavailableError
from ecg_api.kubernetes.result_file import fetched
from ecg_contract.host_protocol import ResultReference
from support.wire_results import result_json


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
    stored = result_json("the result")
    with await fetched(Shelf(own=stored), genuine("own", stored)) as file:
        assert file.read() == stored


@pytest.mark.parametrize("digest", ["/proc/self/environ", "../../../../../../../proc/self/environ", ""])
async def test_a_digest_is_no_path(digest: str) -> None:
    with pytest.raises(StoreUnavailableError, match="announced"):
        await fetched(Shelf(own=b"x"), reference("own", digest, 1))


@pytest.mark.parametrize("longer", [-3, 0, 3])
async def test_nobody_is_given_what_was_not_announced(longer: int) -> None:
    digest, forged = hashlib.sha256(result_json("genuine")).hexdigest(), result_json("forged!")
    with pytest.raises(StoreUnavailableError, match="announced"):
        await fetched(Shelf(forged=forged), reference("forged", digest, len(forged) + longer))


async def test_nobody_is_given_what_is_no_result() -> None:
    stored = result_json() + b',"job_id":"VICTIM"'
    with pytest.raises(StoreUnavailableError, match="not exactly one JSON object"):
        await fetched(Shelf(own=stored), genuine("own", stored))


async def test_more_than_was_announced_is_not_even_fetched() -> None:
    shelf = Shelf(endless=b" " * 3_000_000)
    with pytest.raises(StoreUnavailableError, match="announced"):
        await fetched(shelf, reference("endless", "", 6))
    assert shelf.given < 20
