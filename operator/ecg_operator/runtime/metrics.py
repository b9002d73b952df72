"""The operator's Prometheus metrics."""

import itertools
import time
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from ecg_callbacks.delivery import Sender
from ecg_callbacks.sender import Delivered, Outcome
from ecg_callbacks.types import Due, JobFacts
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import Part, PipelineStatus
from ecg_contract.videojob.names import is_on_standby_job
from ecg_contract.videojob.resource import Attempt, Profile
from ecg_contract.videojob.state import CANCELLED
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.reconcile import ATTEMPT_STARTED
from ecg_operator.decide.run_end import COMPLETED
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.run_state import RunState

_PART_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_START_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
_GPU_MEMORY = tuple(size * 2**30 for size in (2, 4, 6, 8, 10, 12, 14, 16, 24, 32, 48, 80))
_STARTS = ("standby", "cold")
_OUTCOMES = frozenset({COMPLETED, CANCELLED, *ErrorCode})
_REAL_TIME_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """A registry of its own, so that two operators can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._videojobs = self._gauge("ecg_videojobs", "VideoJobs in the namespace")
        self._waiting = self._gauge("ecg_jobs_waiting", "VideoJobs that wait for their next attempt")
        self._active = self._gauge("ecg_jobs_active", "VideoJobs of which an attempt is made")
        self._standby = Gauge(
            "ecg_standby_pods", "Pods that stand by, ready, by profile", ["profile"], registry=self.registry
        )
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
        self._finished = Counter(
            "ecg_jobs_finished",
            "Runs that ended, by outcome: Completed, Cancelled or an error code",
            ["outcome"],
            registry=self.registry,
        )
        self._start_seconds = Histogram(
            "ecg_start_seconds",
            "From the moment on at which a completed job wanted a pod, or queued, until its last pod worked on it",
            ["profile", "start"],
            buckets=_START_SECONDS,
            registry=self.registry,
        )
        self._gpu_memory = Histogram(
            "ecg_gpu_memory_bytes",
            "Most memory of the GPU that was taken at the end of a part of the analysis, of completed jobs on a GPU",
            buckets=_GPU_MEMORY,
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

        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """A rate needs a value before the first event."""
        for outcome in _OUTCOMES:
            self._finished.labels(outcome)
        for profile, start in itertools.product(Profile, _STARTS):
            self._attempts.labels(profile, start)
            self._start_seconds.labels(profile, start)
        for part in Part:
            self._part_seconds.labels(part)
        for status, outcome in itertools.product(("processing", "completed", "failed"), ("delivered", "failed")):
            self._callbacks.labels(status, outcome)

    def watch(self, cache: Cache, queue: Callable[[], int], pending: Callable[[], int]) -> None:
        """Set what the gauges read, each time they are asked."""
        videojobs, standby = cache.videojobs, cache.standby
        self._videojobs.set_function(videojobs.__len__)
        self._waiting.set_function(lambda: videojobs.count(RunState.WAITING))
        self._active.set_function(lambda: videojobs.count(RunState.AT_WORK))
        for profile in Profile:
            self._standby.labels(profile).set_function(partial(standby.count_ready, profile))
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
            if note.reason in _OUTCOMES:
                self._finished.labels(note.reason).inc()
            if note.reason == COMPLETED and plan.status.pipeline is not None:
                self._completed(plan.status.pipeline)
                self._started(plan.status.attempt)

    def callback_tried(self, due: Due, outcome: Outcome, seconds: float) -> None:
        name = "delivered" if isinstance(outcome, Delivered) else "failed"
        self._callbacks.labels(due.status, name).inc()
        self._seconds.labels(due.status).observe(seconds)

    def _attempt_began(self, attempt: Attempt) -> None:
        self._attempts.labels(attempt.profile, _start(attempt)).inc()

    def _started(self, attempt: Attempt | None) -> None:
        if attempt is not None and attempt.start_time is not None:
            seconds = (attempt.start_time - attempt.pending_since).total_seconds()
            self._start_seconds.labels(attempt.profile, _start(attempt)).observe(max(seconds, 0.0))

    def _completed(self, pipeline: PipelineStatus) -> None:
        for part, usage in pipeline.parts.items():
            self._part_seconds.labels(part).observe(usage.seconds)
        taken = [usage.gpu_memory_bytes for usage in pipeline.parts.values() if usage.gpu_memory_bytes is not None]
        if taken:
            self._gpu_memory.observe(max(taken))
        if pipeline.result is not None and pipeline.result.duration > 0:
            self._real_time_factor.observe(pipeline.result.processing_time / pipeline.result.duration)

    def serve(self, port: int) -> int:
        """Serve them in a thread; returns the port."""
        server, _ = start_http_server(port, registry=self.registry)
        return int(server.server_port)

    def _gauge(self, name: str, description: str) -> Gauge:
        return Gauge(name, description, registry=self.registry)


def _start(attempt: Attempt) -> str:
    return _STARTS[0] if is_on_standby_job(attempt) else _STARTS[1]


class MeasuredSender:
    """Counts and times the tries of another sender."""

    def __init__(self, sender: Sender, metrics: Metrics) -> None:
        self._sender, self._metrics = sender, metrics

    async def send(self, due: Due, facts: JobFacts) -> Outcome:
        began = time.monotonic()
        outcome = await self._sender.send(due, facts)
        self._metrics.callback_tried(due, outcome, time.monotonic() - began)
        return outcome
