"""A file that is downloaded in several tries."""

import re
from pathlib import Path
from typing import BinaryIO

import httpx

from ecg_pipeline.fetch.common import TryAgainError, check_size, too_large


class Partial:
    """The part downloaded so far, and the request for the rest (RFC 9110, 13.1.5 and 14.2)."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path, self._max = path, max_bytes
        self.etag: str | None = None
        """A strong one, which promises the same bytes."""
        self._file: BinaryIO | None = None
        self.size = 0
        self.total: int | None = None
        """None where the server does not say."""

    def request_headers(self) -> dict[str, str]:
        """Headers that ask for the rest, or for the whole file where it has changed."""
        if not (self.size and self.etag):
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self.etag}

    def begin(self, response: httpx.Response) -> None:
        """Open the file for a response's body. Raises UsageError when it will be too large, TryAgainError, OSError."""
        self.close()
        if response.status_code == 206:
            self._continue(response.headers.get("content-range", ""))
        else:
            self.forget()
            length = response.headers.get("content-length", "")
            self.total = int(length) if length.isascii() and length.isdigit() else None
        check_size(self.total or 0, self._max, self._path.parent)
        etag = response.headers.get("etag", "")
        self.etag = etag if etag.startswith('"') else None
        self._file = self._path.open("ab" if self.size else "wb")

    def write(self, piece: bytes) -> None:
        """Raises UsageError beyond the limit, OSError."""
        assert self._file is not None
        if self.size + len(piece) > self._max:
            raise too_large(self.size + len(piece), self._max)
        self._file.write(piece)
        self.size += len(piece)

    def write_at(self, offset: int, piece: bytes) -> None:
        """Write a piece of a part; `size` stays as it is. Raises OSError."""
        assert self._file is not None
        self._file.seek(offset)
        self._file.write(piece)

    def keep(self, size: int) -> None:
        """The first `size` bytes are there; what was written beyond them is dropped."""
        if self._file is not None:
            self._file.truncate(size)
        self.size = size

    def forget(self) -> None:
        """Start over."""
        self.size, self.total, self.etag = 0, None, None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _continue(self, content_range: str) -> None:
        found = re.fullmatch(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)", content_range)
        if not found or int(found[1]) != self.size:
            self.forget()
            raise TryAgainError("206 Partial Content that was not asked for")
        self.total = None if found[2] == "*" else int(found[2])
