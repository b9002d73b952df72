"""The operator put together: what outlives a run, and the parts of one run, connected to one another."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import kopf

from ecg_callbacks.deliverer import Deliverer
from ecg_callbacks.delivery import Sender
from ecg_callbacks.sender import TOTAL_S, CallbackSender
from ecg_cluster.client import Cluster, connect
from ecg_cluster.results import ClusterResults
from ecg_cluster.s3 import s3_client
from ecg_common.clock import Clock, utc_now
from ecg_operator.act.apply import Applier
from ecg_operator.act.clean_up import CleanUp
from ecg_operator.act.controller import Controller
from ecg_operator.act.delivery_ledger import VideoJobLedger
from ecg_operator.act.events import EventRecorder
from ecg_operator.act.pod_config import PodConfig, load_pod_config
from ecg_operator.act.standby_pool import StandbyPool
from ecg_operator.act.standby_source import StandbySource
from ecg_operator.act.standby_taker import StandbyTaker
from ecg_operator.act.status_writer import StatusWriter
from ecg_operator.act.upload_signer import UploadSigner
from ecg_operator.decide.plan import Plan
from ecg_operator.observe import watches
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.job_queue import JobQueue
from ecg_operator.observe.observer import Observer
from ecg_operator.observe.watch_check import WatchCheck
from ecg_operator.runtime.health import Health
from ecg_operator.runtime.lease import Lease
from ecg_operator.runtime.metrics import MeasuredSender, Metrics
from ecg_operator.runtime.work_queue import WorkQueue
from ecg_operator.settings import OperatorSettings

_GRACE_S = TOTAL_S + 1
"""An orderly stop lets the callbacks in flight end: the chart's operator has 31 s for it."""


@dataclass(frozen=True)
class Dependencies:
    """What outlives a run; tests replace some of it."""

    settings: OperatorSettings
    config: PodConfig
    cluster: Cluster
    """Writes while the Lease is held."""
    lease: Lease
    sender: Sender
    s3: Any
    """boto3's client; None without a bucket."""
    metrics: Metrics
    health: Health
    clock: Clock = utc_now


@dataclass(frozen=True)
class Parts:
    """What one run needs to know of its parts."""

    cache: Cache
    queue: WorkQueue
    deliverer: Deliverer
    watch_check: WatchCheck
    watches: kopf.OperatorRegistry
    standby: StandbyPool
    wake: Callable[[str | None], None]
    """Adds a VideoJob to the queue; nothing for None."""


async def connected(settings: OperatorSettings) -> Dependencies:
    """Raises NoClusterError, and OSError or ValidationError for POD_CONFIG_FILE."""
    metrics = Metrics()
    cluster = await connect(on_request=metrics.requested)
    s3 = s3_client() if settings.results_bucket else None
    results = ClusterResults(cluster, settings.namespace, s3, settings.results_bucket)
    lease = Lease(cluster, settings)
    return Dependencies(
        settings=settings,
        config=load_pod_config(settings.pod_config_file),
        cluster=cluster.guarded(lease.check),
        lease=lease,
        sender=MeasuredSender(CallbackSender(results, settings.callback_policy, settings.signing_secret), metrics),
        s3=s3,
        metrics=metrics,
        health=Health(),
    )


def build(given: Dependencies) -> Parts:
    """The parts of a run that begins, with empty caches."""

    def wake(name: str | None) -> None:
        if name:
            queue.add(name)

    def changed(name: str) -> None:
        if pending := ledger.update(name):
            deliverer.offer(pending)

    cache = Cache(time.monotonic, JobQueue(given.settings.max_active_jobs, wake), changed, wake)
    writer = StatusWriter(given.cluster, given.settings.namespace, cache)
    standby = StandbyPool(
        given.cluster, given.settings, given.config, cache, clock=given.clock, holds_lease=lambda: given.lease.is_held
    )
    controller = _controller(given, cache, writer, standby)
    queue = WorkQueue(controller.handle)
    ledger = VideoJobLedger(cache, writer, given.settings, given.clock, controller.handle)
    deliverer = Deliverer(
        ledger, given.sender, clock=given.clock, may_send=lambda: given.lease.is_held, grace_s=_GRACE_S
    )
    given.metrics.watch(cache, queue.__len__, ledger.__len__)

    watch_check = WatchCheck(given.cluster, given.settings.namespace, cache, wake)
    return Parts(cache, queue, deliverer, watch_check, watches.registry(cache), standby, wake)


def _controller(given: Dependencies, cache: Cache, writer: StatusWriter, standby: StandbyPool) -> Controller:
    def applied(plan: Plan) -> None:
        given.metrics.plan_applied(plan)
        standby.plan_applied(plan)

    return Controller(
        Observer(cache, given.cluster, given.settings.namespace),
        _applier(given, cache, writer),
        given.settings,
        clock=given.clock,
        holds_lease=lambda: given.lease.is_held,
        on_applied=applied,
    )


def _applier(given: Dependencies, cache: Cache, writer: StatusWriter) -> Applier:
    cluster, settings = given.cluster, given.settings
    uploads = UploadSigner(cluster, settings, given.s3, given.clock) if settings.results_bucket else None
    source = StandbySource(cluster, settings)
    events, clean_up = EventRecorder(cluster, settings.namespace), CleanUp(cluster, settings, source)
    taker = StandbyTaker(source, cluster, settings, given.config, cache, given.clock)
    return Applier(cluster, settings, given.config, cache, writer, events, clean_up, uploads, taker)
