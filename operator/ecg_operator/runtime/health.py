"""Health of the operator, for Kubernetes' probes.

Liveness (`/healthz`): the event loop turns, and the watches are not stalled. Readiness (`/readyz`): the operator acts,
which means that it holds the Lease and its cache is in sync. One that is alive and never ready keeps a rollout from
ending.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BEAT_S = 1.0
_STUCK_S = 30.0
_STALLED_RUNS = 3


class Health:
    """Written by the event loop, read by the probes' thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat_at = clock()
        self._stalled_runs = 0
        self._acts = False

    async def beat(self) -> None:
        """Record every second that the event loop turns, until cancelled."""
        while True:
            self._beat_at = self._clock()
            await asyncio.sleep(_BEAT_S)

    def in_sync(self) -> None:
        """The watches brought all that was listed."""
        self._stalled_runs = 0
        self._acts = True

    def watches_stalled(self) -> None:
        """They did not; the run ends, and the next one begins within this process."""
        self._stalled_runs += 1

    def run_ended(self) -> None:
        self._acts = False

    def why_unhealthy(self) -> str | None:
        """None when the operator is healthy."""
        if self._clock() - self._beat_at > _STUCK_S:
            return f"the event loop has not turned for {self._clock() - self._beat_at:.0f} s"
        if self._stalled_runs >= _STALLED_RUNS:
            return f"the watches stalled in {self._stalled_runs} runs in succession"
        return None

    def why_not_ready(self) -> str | None:
        """None when the operator acts."""
        return self.why_unhealthy() or (None if self._acts else "waits for the Lease, or for its cache to be in sync")


def serve_health(port: int, health: Health) -> int:
    """Serve `/healthz` and `/readyz` in a thread: 200, or 503 with the reason; returns the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reason = health.why_not_ready() if self.path == "/readyz" else health.why_unhealthy()
            body = (reason or "ok").encode()
            self.send_response(503 if reason else 200)
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_port)
