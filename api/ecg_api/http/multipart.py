"""Reads multipart/form-data with one media file, which is streamed to disk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from ecg_api.errors import ProblemError, busy, wrong_field
from ecg_api.http.bodies import pieces
from ecg_api.ports import UploadSlot

_BUFFER = 1024 * 1024
_MAX_PARTS = 32
_NAME_LENGTH = 255

OpenSlot = Callable[[str], Awaitable[UploadSlot]]


@dataclass(frozen=True, slots=True)
class Form:
    """The non-empty text fields of a form, and its upload."""

    fields: dict[str, str]
    upload: UploadSlot | None


async def receive_form(request: Request, open_slot: OpenSlot, limit: int, fields_limit: int) -> Form:
    """The form of a request, of at most `limit` bytes in all and `fields_limit` bytes of text fields.

    Raises ProblemError 408, 413, 422 or 503, after the upload's file was removed.
    """
    parts = _Parts(_boundary(request), fields_limit)
    file = _UploadFile(open_slot)
    try:
        async for piece in pieces(request, limit):
            parts.feed(piece)
            await file.take(parts)
        await file.finish()
        return Form(parts.finish(), file.slot)
    except (ProblemError, ClientDisconnect, asyncio.CancelledError):
        file.discard()
        raise
    except OSError:
        file.discard()
        raise busy(503, "the upload could not be stored") from None


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if not boundary:
        raise wrong_field("body", "multipart/form-data needs a boundary")
    return boundary


@dataclass
class _UploadFile:
    """Writes the file part to its slot, in a thread and in pieces of about 1 MiB."""

    open_slot: OpenSlot
    slot: UploadSlot | None = None
    _file: BinaryIO | None = None
    _buffer: bytearray = field(default_factory=bytearray)

    async def take(self, parts: "_Parts") -> None:
        if parts.file_name is not None and self.slot is None:
            self.slot = await self.open_slot(parts.file_name)
            self._file = await asyncio.to_thread(self.slot.path.open, "xb")
        self._buffer += parts.file_data
        parts.file_data.clear()
        if len(self._buffer) >= _BUFFER:
            await self._flush()

    async def finish(self) -> None:
        if self._file is not None:
            await self._flush()
            if self._file.tell() == 0:
                raise wrong_field("file", "is empty")
            self._file.close()

    async def _flush(self) -> None:
        assert self._file is not None
        data, self._buffer = self._buffer, bytearray()
        await asyncio.to_thread(self._file.write, data)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
        if self.slot is not None:
            self.slot.path.unlink(missing_ok=True)


class _Parts:
    """Parses the form into text fields, `file_name`, and the `file_data` that is not written yet."""

    def __init__(self, boundary: bytes, fields_limit: int) -> None:
        self.file_name: str | None = None
        self.file_data = bytearray()
        self._fields: dict[str, bytearray] = {}
        self._field: bytearray | None = None
        self._fields_left = fields_limit
        self._parts = 0
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_part_data": self._part_data,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise wrong_field("body", "is not valid multipart/form-data") from None

    def finish(self) -> dict[str, str]:
        if not self._is_complete:
            raise wrong_field("body", "the multipart/form-data ends before its last boundary")
        try:
            texts = {name: value.decode().strip() for name, value in self._fields.items()}
        except UnicodeDecodeError:
            raise wrong_field("body", "the form's fields must be UTF-8") from None
        return {name: text for name, text in texts.items() if text}

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise wrong_field("body", f"has more than {_MAX_PARTS} parts")
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            name = options.get(b"name", b"").decode("utf-8", "replace")
            self._field = self._fields[name] = bytearray()
            return
        if self.file_name is not None:
            raise wrong_field("file", "only one file is taken")
        self._field = None
        self.file_name = _base_name(options[b"filename"].decode("utf-8", "replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self.file_data += data[start:end]
            return
        self._fields_left -= end - start
        if self._fields_left < 0:
            raise wrong_field("body", "the form's fields are too long")
        self._field += data[start:end]

    def _end(self) -> None:
        self._is_complete = True


def _base_name(name: str) -> str:
    """The display name of an upload: without folders and control characters. It never becomes a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[:_NAME_LENGTH] or "upload"
