"""Prometheus metrics, and the page that Kubernetes asks whether the operator is well."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server


class Metrics:
    """The operator's figures; a registry of its own, so that two can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.videojobs = Gauge("ecg_videojobs", "VideoJobs by phase", ["phase"], registry=self.registry)
        self.queue = Gauge("ecg_work_queue_length", "VideoJobs that wait for attention", registry=self.registry)
        self.holds_lease = Gauge("ecg_lease_held", "1 for the operator that acts", registry=self.registry)
        self.pending_callbacks = Gauge("ecg_callbacks_pending", "Jobs with a callback to send", registry=self.registry)
        self.attempts = Counter("ecg_attempts", "Attempts begun, by profile", ["profile"], registry=self.registry)
        self.finished = Counter(
            "ecg_videojobs_finished", "Runs that ended, by outcome", ["outcome"], registry=self.registry
        )
        self.callbacks = Counter(
            "ecg_callbacks", "Callbacks tried, by status and outcome", ["status", "outcome"], registry=self.registry
        )
        self.callback_seconds = Histogram(
            "ecg_callback_seconds", "Time of a callback's try", ["status"], registry=self.registry
        )
        self.resyncs = Counter("ecg_resyncs", "Times that all watches were found complete", registry=self.registry)
        self.restarts = Counter("ecg_watch_restarts", "Times that the watches were begun anew", registry=self.registry)

    def serve(self, port: int) -> int:
        """In a thread of its own; the port."""
        server, _ = start_http_server(port, registry=self.registry)
        return int(server.server_port)


def serve_health(port: int, trouble: Callable[[], str | None]) -> int:
    """`/healthz`: 200, or 503 with what `trouble` says; in a thread of its own. The port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = trouble()
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
