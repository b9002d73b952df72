"""A backend on loopback: an HTTP server that records requests and answers, fails or hangs as a test says.

with Receiver() as backend:
    backend.script(Answer(500), Answer(429, {"Retry-After": "1"}), DROP)   # then always 200
    ...                                                                     # send callbacks to backend.url
    backend.wait_for(lambda got: len(got) >= 4)
"""

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Answer:
    """How one request is answered."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"success": true}'
    delay_s: float = 0.0
    """Delay before the answer; ends early when the receiver is closed."""
    drop: bool = False
    """Read and record the request, then close the connection without an answer."""


ALL_SEVEN = [*(("processing", p) for p in (10, 25, 40, 60, 75, 90)), ("completed", 100)]
"""Marks of a successful job's callbacks, in order."""
OK = Answer()
DROP = Answer(drop=True)
HANG = Answer(drop=True, delay_s=3600)


@dataclass(frozen=True, slots=True)
class Received:
    """A received request: `headers` with lower-case names, `time` is `time.monotonic()` when it was complete."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    time: float

    @property
    def json(self) -> dict[str, Any]:
        """The body as strict JSON, without NaN and Infinity."""
        parsed = json.loads(self.body, parse_constant=_refuse)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def mark(self) -> tuple[str, int | None]:
        """Status and progress, which identify a job's callback."""
        return self.json["status"], self.json.get("progress")


def marks(requests: Sequence[Received]) -> list[tuple[str, int | None]]:
    return [request.mark for request in requests]


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


Chooser = Callable[[Received], Answer]


class Receiver:
    """Listens from construction until `close`; `refuse` stops listening, `listen` starts again on the same port."""

    def __init__(
        self, answer: Chooser | Answer = OK, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self._otherwise, self._tls, self.host = answer, tls, host
        self._script: deque[Answer] = deque()
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server: _Server | None = None
        self.port = 0
        self.listen()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def requests(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    def of(self, job_id: str) -> list[Received]:
        """The requests about one job, in order of arrival."""
        return [r for r in self.requests if r.json["job_id"] == job_id]

    def script(self, *answers: Answer) -> None:
        """Answers to the next requests, one each; then the default answer applies again."""
        with self._changed:
            self._script.extend(answers)

    def answer(self, answer: Chooser | Answer) -> None:
        """Set the default answer."""
        with self._changed:
            self._otherwise = answer

    def refuse(self) -> None:
        """Stop listening: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def listen(self) -> None:
        assert self._server is None
        self._server = _Server(self, self.port)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def wait_for(self, predicate: Callable[[Sequence[Received]], object], timeout: float = 10.0) -> list[Received]:
        """Wait until the requests satisfy `predicate`; returns them. Raises AssertionError on timeout."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._received), timeout):
                seen = [(r.path, r.body[:120]) for r in self._received]
                raise AssertionError(f"not within {timeout} s; received {len(seen)}: {seen}")
            return list(self._received)

    def close(self) -> None:
        self._closing.set()
        self.refuse()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, received: Received) -> Answer:
        with self._changed:
            self._received.append(received)
            self._changed.notify_all()
            if self._script:
                return self._script.popleft()
            return self._otherwise if isinstance(self._otherwise, Answer) else self._otherwise(received)

    def _pause(self, seconds: float) -> None:
        self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, receiver: Receiver, port: int) -> None:
        self.receiver = receiver
        super().__init__((receiver.host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore senders that disconnect or reject the certificate."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the sender disconnected: not a complete request
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, body, time.monotonic())
        answer = self.server.receiver._take(received)
        if answer.delay_s:
            self.server.receiver._pause(answer.delay_s)
        if answer.drop:
            self.close_connection = True
            return
        self._send(answer)

    def do_GET(self) -> None:
        self.do_POST()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args: object) -> None:
        """Log nothing to stderr: the requests are recorded."""

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):  # the sender disconnected
            self.close_connection = True
