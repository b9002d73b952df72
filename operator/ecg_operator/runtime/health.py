"""How the operator is, for Kubernetes' probes.

Alive (`/healthz`): the event loop turns, and the watches are not deaf. Ready (`/readyz`): it acts, which is to say that
it holds the Lease and has seen everything. One that is alive and never ready shows itself in a rollout that does not
end.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BEAT_S = 1.0
_STUCK_S = 30.0
_DEAF_RUNS = 3


class Health:
    """Written by the event loop, read by the probe's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beat_at = clock()
        self._deaf = 0
        self._acts = False

    async def beat(self) -> None:
        """Until cancelled."""
        while True:
            self._beat_at = self._clock()
            await asyncio.sleep(_BEAT_S)

    def heard(self) -> None:
        """The watches brought what was listed."""
        self._deaf = 0
        self._acts = True

    def run_ended(self) -> None:
        """With its Lease, or its watches, or its error."""
        self._acts = False

    def deaf(self) -> None:
        """They did not, and are begun anew within this process."""
        self._deaf += 1

    def trouble(self) -> str | None:
        """What is wrong; None when the operator is well."""
        if self._clock() - self._beat_at > _STUCK_S:
            return f"the event loop has not turned for {self._clock() - self._beat_at:.0f} s"
        if self._deaf >= _DEAF_RUNS:
            return f"the watches stayed deaf through {self._deaf} fresh starts"
        return None

    def idleness(self) -> str | None:
        """Why it does not act; None when it does."""
        return self.trouble() or (None if self._acts else "waits for the Lease, or has not seen everything yet")


def serve_health(port: int, health: Health) -> int:
    """`/healthz` and `/readyz`: 200, or 503 with the trouble; in a thread of its own. The port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = health.idleness() if self.path == "/readyz" else health.trouble()
            body = (found or "ok").encode()
            self.send_response(503 if found else 200)
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_port)
