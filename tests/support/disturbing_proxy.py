"""A proxy before the API server that disturbs requests and watches, with a seed.

It speaks plain HTTP to the client and TLS to the API server. After `deafen` the open watches bring no event any more,
and do not end; watches that are opened later do.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ecg_dev.control_plane.api_access import ADMIN_TOKEN, ApiAccess

STATUSES = (410, 429, 500, 503)
DISTURBANCES = ("status", "delay", "drop", "answer lost", "twice", "truncated")
_HOP = {"host", "connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}
_LONGEST_WATCH_S = 8.0


class _LostError(Exception):
    """The connection to the client is to be closed without more."""


@dataclass
class DisturbingProxy:
    """`share` of the requests are disturbed while `disturbs`."""

    plane: ApiAccess
    seed: int = 0
    share: float = 0.15
    disturbs: bool = False
    watch_status: int | None = None
    """HTTP status that every watch is refused with; an open watch ends at its next event."""
    unanswered: tuple[str, ...] = ()
    """Watches with one of these in their path get no answer before `answer` is set."""
    holds: Callable[[bytes], bool] = lambda _: False
    """Requests with such a body reach the API server after `answer` is set."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each disturbance was done."""

    def __post_init__(self) -> None:
        self.deaf_since = 0.0
        self.answer = threading.Event()
        self._random, self._lock = random.Random(self.seed), threading.Lock()
        self._client = httpx.Client(
            base_url=self.plane.url, verify=self.plane.tls, timeout=30, trust_env=False, limits=httpx.Limits()
        )
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig file that leads through the proxy."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": url}}],
            "users": [{"name": "proxy", "user": {"token": ADMIN_TOKEN}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        }
        path = folder / f"kubeconfig-proxy-{self._server.server_address[1]}"
        path.write_text(json.dumps(config))
        return path

    def deafen(self) -> None:
        self.deaf_since = time.monotonic()

    def choose(self, kinds: tuple[str, ...]) -> tuple[str | None, float]:
        """A disturbance, or None, and a number in [0, 1) for its details."""
        with self._lock:
            chosen = self._random.choice(kinds) if self.disturbs and self._random.random() < self.share else None
            if chosen:
                self.done[chosen] += 1
            return chosen, self._random.random()

    def ask(self, handler: BaseHTTPRequestHandler, body: bytes) -> httpx.Response:
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP}
        return self._client.request(handler.command, handler.path, content=body, headers=headers)

    def watch(self, handler: BaseHTTPRequestHandler) -> Any:
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP}
        timeout = httpx.Timeout(30, read=300)
        return self._client.stream("GET", handler.path, headers=headers, timeout=timeout)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answer.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: DisturbingProxy

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._watch() if "watch=" in self.path else self._pass_on(body)
        except (_LostError, OSError, httpx.HTTPError):
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class's names

    def _pass_on(self, body: bytes) -> None:
        if self.owner.holds(body):
            self.owner.answer.wait()
        what, number = self.owner.choose(DISTURBANCES)
        if what == "status":
            return self._refuse(STATUSES[int(number * len(STATUSES))])
        if what == "drop":
            raise _LostError
        if what == "delay":
            time.sleep(number)
        answer = self.owner.ask(self, body)
        if what == "twice":
            self.owner.ask(self, body)
        if what == "answer lost":
            raise _LostError
        self._answer(answer.status_code, answer.content, cut=what == "truncated")
        return None

    def _refuse(self, status: int) -> None:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "disturbed"}
        self._answer(status, json.dumps(body).encode())

    def _answer(self, status: int, body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            raise _LostError

    def _watch(self) -> None:
        if any(part in self.path for part in self.owner.unanswered):
            self.owner.answer.wait()
        if self.owner.watch_status is not None:
            return self._refuse(self.owner.watch_status)
        what, number = self.owner.choose(("status", "closed", "half a line"))
        if what == "status":
            return self._refuse(STATUSES[int(number * len(STATUSES))])
        with self.owner.watch(self) as answer:
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            began = time.monotonic()
            end = began + (number * _LONGEST_WATCH_S if what else 3600)
            for line in answer.iter_lines():
                if began < self.owner.deaf_since:
                    continue
                if self.owner.watch_status is not None:
                    break
                if time.monotonic() > end:
                    self.wfile.write(line[: len(line) // 2].encode() if what == "half a line" else b"")
                    break
                self.wfile.write(line.encode() + b"\n")
                self.wfile.flush()
        raise _LostError

    def log_message(self, *args: object) -> None:
        """Nothing."""
