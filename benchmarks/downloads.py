"""A large file over a link that gives each connection 100 Mbit/s and answers after 50 ms: parts against one stream."""

import itertools
import logging
import os
import re
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ecg_pipeline.fetch import fetch
from ecg_pipeline.settings import FetchSettings

RATE = 100e6 / 8
"""Bytes a second of one connection."""
LATENCY_S = 0.05
PIECE = bytes(range(256)) * 256
GB = 2**30
SIZES = {"/video.mp4": 2 * GB, "/videos/object.mp4": GB // 2}


class Link(BaseHTTPRequestHandler):
    """Serves files of zeros and ones in parts, as a web server and as S3 do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(LATENCY_S)
        size = SIZES[self.path.partition("?")[0]]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(span[1]), int(span[2] or size - 1)) if span else (0, size - 1)
        self.send_response(206 if span else 200)
        self.send_header("ETag", '"v1"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if span:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        self._send(last - first + 1)

    def _send(self, size: int) -> None:
        began = time.monotonic()
        for sent in itertools.count(0, len(PIECE)):
            if sent >= size:
                return
            time.sleep(max(0.0, began + sent / RATE - time.monotonic()))
            try:
                self.wfile.write(PIECE[: size - sent])
            except OSError:
                return  # the client has what it wanted

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing on stderr."""


def main() -> None:
    logging.disable()
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Link) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        for url, name in ((f"{endpoint}/video.mp4", "HTTP"), ("s3://videos/object.mp4", "S3")):
            size = SIZES["/video.mp4" if name == "HTTP" else "/videos/object.mp4"]
            parts, one = (_seconds(url, endpoint, connections) for connections in (4, 1))
            print(f"{name}, {size / GB:g} GB: four connections {parts:.1f} s, one {one:.1f} s; ratio {parts / one:.2f}")
        server.shutdown()


def _seconds(url: str, endpoint: str, connections: int) -> float:
    settings = FetchSettings(
        fetch_allow=("127.0.0.1",), s3_endpoint_url=endpoint, s3_buckets=(), fetch_connections=connections
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        fetch(url, Path(folder) / "video", settings, lambda done, total: None)
        return time.monotonic() - began


if __name__ == "__main__":
    main()
