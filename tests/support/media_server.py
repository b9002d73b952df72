"""An HTTP server on loopback that serves files and simulates faults.

with MediaServer() as server:
    server.serve("/video.mp4", Reply(503), Reply(body=b"..."))   # in turn, the last one repeatedly
    ...                                                          # download server.url + "/video.mp4"
    assert server.requests[0].headers["accept-encoding"] == "identity"
"""

import itertools
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    declared: int | None = -1
    """Content-Length: -1 for the body's, None to leave it out."""
    pieces: Iterable[bytes] | None = None
    """In place of `body`: what is sent piece by piece."""
    pause_s: float = 0.0
    """After each piece; ends early when the server is closed."""
    delay_s: float = 0.0
    """Before the answer."""
    ranges: bool = False
    """Support range requests and send an ETag."""
    no_parts: bool = False
    """Answer 503 to a range with an end."""
    used_once: bool = False
    """Send no `Connection: close`, but close the connection without an answer when it is used again."""
    raw: bytes | None = None
    """In place of everything: these bytes, then the connection is closed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; `headers` have lower-case names."""

    path: str
    headers: Mapping[str, str]


def endless(piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece)


class MediaServer:
    """Started and stopped as a context manager."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._replies: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    def serve(self, path: str, *replies: Reply) -> str:
        """Answer `path` with the replies in turn, the last one repeatedly. Returns the URL."""
        self._replies[path] = list(replies)
        return self.url + path

    def serve_files(self, folder: Path, pattern: str) -> None:
        """Serve the files of a folder by their names, in parts where a client asks for parts."""
        for file in folder.glob(pattern):
            self.serve(f"/{file.name}", Reply(body=file.read_bytes(), ranges=True))

    def next_reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        with self._lock:
            self.requests.append(Request(path, headers))
            replies = self._replies.get(path.partition("?")[0], [Reply(404)])
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_owner: MediaServer

    def do_GET(self) -> None:
        self.close_connection = True
        reply = self.server_owner.next_reply(self.path, {k.lower(): v for k, v in self.headers.items()})
        try:
            self.server_owner.closing.wait(reply.delay_s)
            if reply.raw is not None:
                self.wfile.write(reply.raw)
            else:
                self._answer(reply)
        except OSError:
            pass  # the client has closed the connection

    def _answer(self, reply: Reply) -> None:
        status, body, headers = reply.status, reply.body, dict(reply.headers)
        if reply.no_parts and re.search(r"\d-\d", self.headers.get("Range", "")):
            reply, status, body = Reply(503), 503, b""
        if reply.ranges:
            headers |= {"ETag": '"v1"', "Accept-Ranges": "bytes"}
            span = self._span(len(body))
            if span is not None:
                headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{len(body)}"
                status, body = 206, body[span.start : span.stop]
        self.send_response(status)
        if reply.declared is not None:
            headers.setdefault("Content-Length", str(len(body) if reply.declared == -1 else reply.declared))
        if not reply.used_once:
            headers["Connection"] = "close"  # else a client may ask again on it
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in reply.pieces if reply.pieces is not None else [body]:
            self.wfile.write(piece)
            if self.server_owner.closing.wait(reply.pause_s):
                return
        if reply.used_once:
            self.rfile.readline()  # returns when the client sends another request or closes

    def _span(self, length: int) -> range | None:
        """The bytes that are asked for, where these are not all."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        same = '"v1"' in (self.headers.get("If-Range"), self.headers.get("If-Match"))
        return range(int(found[1]), min(length, int(found[2] or length) + 1)) if found and same else None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Nothing: requests are recorded."""
