"""The demo's two servers on loopback: one serves the sample videos, the other is a backend that receives callbacks."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RESULT_PATH = "/api/upload-video/result"


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Backend:
    """Receives callbacks as the real backend would, and returns them in the order of arrival."""

    def __init__(self, url: str, received: "queue.Queue[dict[str, Any]]") -> None:
        self.url = url
        self._received = received

    def next_callback(self, timeout_s: float) -> dict[str, Any] | None:
        """The next callback's body; None when none came in time."""
        try:
            return self._received.get(timeout=timeout_s)
        except queue.Empty:
            return None


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Yields the URL under which the files of `folder` are served."""
    with _running(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))) as url:
        yield url


@contextmanager
def backend() -> Iterator[Backend]:
    received: queue.Queue[dict[str, Any]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_callback = self.path == RESULT_PATH
            if is_callback:
                received.put(json.loads(body))
            self.send_response(200 if is_callback else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with _running(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as url:
        yield Backend(url, received)


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
