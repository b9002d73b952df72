"""Which parts of a large file are downloaded side by side (RFC 9110, 14.2)."""

import re
from collections.abc import Iterator

import httpx

from ecg_pipeline.fetch.common import TryAgainError
from ecg_pipeline.fetch.partial import Partial

PART_BYTES = 16 * 1024 * 1024


class Parts:
    """The parts of a file of `total` bytes, which several connections take in turn."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._waiting = iter(range(0, total, PART_BYTES))
        self._complete: set[int] = set()
        self.arrived = 0
        """Bytes that arrived, of any part."""

    def taken(self) -> Iterator[range]:
        """The bytes of one part after another, each given to one caller alone."""
        for first in self._waiting:
            yield range(first, min(first + PART_BYTES, self._total))

    def completed(self, part: range) -> None:
        self._complete.add(part.start)

    @property
    def beginning(self) -> int:
        """Bytes from the start of the file up to the first part that is not complete."""
        size = 0
        while size in self._complete:
            size = min(size + PART_BYTES, self._total)
        return size


def has_parts(response: httpx.Response, partial: Partial) -> bool:
    """Whether the file that `response` begins is large, and its server gives parts of it and says when it changes."""
    is_whole = response.status_code == 200 and partial.size == 0
    is_large = partial.total is not None and partial.total >= 2 * PART_BYTES
    return bool(is_whole and is_large and partial.etag and response.headers.get("accept-ranges") == "bytes")


def part_headers(part: range, etag: str) -> dict[str, str]:
    return {"Range": f"bytes={part.start}-{part.stop - 1}", "If-Range": etag}


def check_is_part(response: httpx.Response, part: range, total: int) -> None:
    """Raises TryAgainError for anything else than `part` of a file of `total` bytes."""
    found = re.fullmatch(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", response.headers.get("content-range", ""))
    wanted = (part.start, part.stop - 1, total)
    if response.status_code != 206 or not found or tuple(map(int, found.groups())) != wanted:
        raise TryAgainError(f"{response.status_code} instead of the part of the file that was asked for")
