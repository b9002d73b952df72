"""The operator's Prometheus metrics."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from ecg_callbacks.delivery import Sender
from ecg_callbacks.sender import Delivered, Outcome
from ecg_callbacks.types import Due, JobFacts
from ecg_contract.host_protocol import PipelineStatus
from ecg_contract.videojob.names import is_standby_job
from ecg_contract.videojob.resource import Attempt
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.reconcile import ATTEMPT_STARTED
from ecg_operator.decide.run_end import COMPLETED

_PART_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_REAL_TIME_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """A registry of its own, so that two operators can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._videojobs = self._gauge("ecg_videojobs", "VideoJobs in the namespace")
        self._queue = self._gauge("ecg_work_queue_length", "VideoJobs that wait to be reconciled")
        self._pending = self._gauge("ecg_callbacks_pending", "Jobs with a callback to send, now or later")
        self.lease_held = self._gauge("ecg_lease_held", "1 for the operator that acts")
        self.resyncs = Counter("ecg_resyncs", "Times the watches were found complete", registry=self.registry)
        self.run_failures = Counter("ecg_run_failures", "Runs that ended with an error", registry=self.registry)
        self._requests = Counter(
            "ecg_api_requests", "Requests to the API server but for the Lease's", ["method"], registry=self.registry
        )
        self._events = Counter("ecg_job_events", "Steps of jobs, by reason", ["reason"], registry=self.registry)
        self._attempts = Counter(
            "ecg_attempts",
            "Attempts begun, by profile, and by whether a pod stood by (standby) or was created for it (cold)",
            ["profile", "start"],
            registry=self.registry,
        )
        self._callbacks = Counter(
            "ecg_callbacks", "Callbacks tried, by status and outcome", ["status", "outcome"], registry=self.registry
        )
        self._seconds = Histogram("ecg_callback_seconds", "Time of a try", ["status"], registry=self.registry)
        self._part_seconds = Histogram(
            "ecg_part_seconds",
            "Wall time of a part of the analysis, of completed jobs",
            ["part"],
            buckets=_PART_SECONDS,
            registry=self.registry,
        )
        self._real_time_factor = Histogram(
            "ecg_real_time_factor",
            "Seconds of processing for each second of media, of completed jobs",
            buckets=_REAL_TIME_FACTORS,
            registry=self.registry,
        )

    def watch(self, videojobs: Callable[[], int], queue: Callable[[], int], pending: Callable[[], int]) -> None:
        """Set the functions that the gauges read, each time they are asked."""
        self._videojobs.set_function(videojobs)
        self._queue.set_function(queue)
        self._pending.set_function(pending)

    def requested(self, method: str, path: str) -> None:
        if "/leases" not in path:
            self._requests.labels(method).inc()

    def plan_applied(self, plan: Plan) -> None:
        for note in plan.notes:
            self._events.labels(note.reason).inc()
            if note.reason == ATTEMPT_STARTED and plan.status.attempt is not None:
                self._attempt_began(plan.status.attempt)
            if note.reason == COMPLETED and plan.status.pipeline is not None:
                self._completed(plan.status.pipeline)

    def callback_tried(self, due: Due, outcome: Outcome, seconds: float) -> None:
        name = "delivered" if isinstance(outcome, Delivered) else "failed"
        self._callbacks.labels(due.status, name).inc()
        self._seconds.labels(due.status).observe(seconds)

    def _attempt_began(self, attempt: Attempt) -> None:
        self._attempts.labels(attempt.profile, "standby" if is_standby_job(attempt.job_name) else "cold").inc()

    def _completed(self, pipeline: PipelineStatus) -> None:
        for part, usage in pipeline.parts.items():
            self._part_seconds.labels(part).observe(usage.seconds)
        if pipeline.result is not None and pipeline.result.duration > 0:
            self._real_time_factor.observe(pipeline.result.processing_time / pipeline.result.duration)

    def serve(self, port: int) -> int:
        """Serve them in a thread; returns the port."""
        server, _ = start_http_server(port, registry=self.registry)
        return int(server.server_port)

    def _gauge(self, name: str, description: str) -> Gauge:
        return Gauge(name, description, registry=self.registry)


class MeasuredSender:
    """Counts and times the tries of another sender."""

    def __init__(self, sender: Sender, metrics: Metrics) -> None:
        self._sender, self._metrics = sender, metrics

    async def send(self, due: Due, facts: JobFacts) -> Outcome:
        began = time.monotonic()
        outcome = await self._sender.send(due, facts)
        self._metrics.callback_tried(due, outcome, time.monotonic() - began)
        return outcome
