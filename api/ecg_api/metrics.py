"""The API's Prometheus metrics: requests, and what became of submitted jobs. No label holds a job's id."""

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from ecg_api.ports import JobKind, SubmitOutcome

QUEUE_FULL, UNAVAILABLE = "queue_full", "unavailable"
"""Outcomes of a submission that was refused."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600)


class Metrics:
    """A registry of its own, so that several apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "ecg_http_request_seconds",
            "Time of a request to its last byte, by route",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._submitted = Counter(
            "ecg_jobs_submitted",
            "Requests for a job by outcome: created, same, rerun, redelivered, conflict, queue_full, unavailable",
            ["kind", "outcome"],
            registry=self.registry,
        )
        for kind in JobKind:  # a rate needs a value before the first event
            for outcome in (*SubmitOutcome, QUEUE_FULL, UNAVAILABLE):
                self._submitted.labels(kind, outcome)

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is its template, such as /jobs/{job_id}."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def submitted(self, kind: str, outcome: str) -> None:
        self._submitted.labels(kind, outcome).inc()

    def serve(self, host: str, port: int) -> int:
        """Serve them in a thread; returns the port. Raises OSError where it is not free."""
        server, _ = start_http_server(port, addr=host, registry=self.registry)
        return int(server.server_port)
