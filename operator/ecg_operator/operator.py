"""One run of the operator: from empty caches to the loss of its watches, its Lease, or an order to stop."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import kopf

from ecg_callbacks.deliverer import Deliverer, Sender
from ecg_cluster.client import Cluster
from ecg_common.clock import utc_now
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.apply import Applier
from ecg_operator.act.clean_up import CleanUp
from ecg_operator.act.controller import Controller
from ecg_operator.act.delivery_ledger import VideoJobLedger
from ecg_operator.act.events import EventRecorder
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.act.presign import Presigner
from ecg_operator.act.status_writer import StatusWriter
from ecg_operator.act.upload_signer import UploadSigner
from ecg_operator.observe import watches
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.observer import Observer
from ecg_operator.observe.snapshot import Warning_
from ecg_operator.observe.warning_events import watch_warnings
from ecg_operator.observe.watch_check import Resync
from ecg_operator.runtime.health import Health
from ecg_operator.runtime.lease import Lease
from ecg_operator.runtime.metrics import MeasuredSender, Metrics
from ecg_operator.runtime.work_queue import WorkQueue
from ecg_operator.settings import OperatorSettings, seconds

Manifest = dict[str, Any]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What outlives a run; tests put other things in their places."""

    settings: OperatorSettings
    config: PodConfig
    cluster: Cluster
    lease: Lease
    sender: Sender
    presigner: Presigner | None = None
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    clock: Callable[[], datetime] = utc_now


class Run:
    """`run` returns when it was told to stop, and raises what ended it otherwise."""

    def __init__(self, surroundings: Surroundings) -> None:
        around = self._around = surroundings
        settings = self._settings = around.settings
        self._cache = Cache(around.clock)
        writer = StatusWriter(around.cluster, settings.namespace, self._cache)
        uploads = None
        if around.presigner is not None:
            uploads = UploadSigner(around.cluster, settings.namespace, around.presigner, around.clock)
        applier = Applier(
            around.cluster,
            settings,
            around.config,
            writer,
            EventRecorder(around.cluster, settings.namespace),
            CleanUp(around.cluster, settings),
            uploads,
        )
        self._controller = Controller(
            Observer(self._cache, around.cluster, settings.namespace),
            applier,
            settings,
            clock=around.clock,
            holds_lease=lambda: around.lease.is_held,
            on_applied=around.metrics.carried_out,
        )
        self._ledger = VideoJobLedger(self._cache, writer, settings, around.clock)
        sender = MeasuredSender(around.sender, around.metrics)
        self._deliverer = Deliverer(self._ledger, sender, clock=around.clock)
        self._queue = WorkQueue(self._controller.handle)
        around.cluster.on_request = around.metrics.requested
        around.metrics.watch(self._cache.__len__, self._queue.__len__, self._ledger.__len__)
        self._resync = Resync(around.cluster, settings.namespace, self._cache, self._wake)
        self._in_sync = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Raises LeaseLostError, DeafError, and whatever ended kopf."""
        stop_kopf = asyncio.Event()
        watching = asyncio.create_task(self._watch(stop_kopf))
        tasks = [watching, asyncio.create_task(self._resynced()), asyncio.create_task(self._around.lease.keep())]
        working = asyncio.create_task(self._work())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, working, stopping], return_when=asyncio.FIRST_COMPLETED)
            ended = next((task for task in [*tasks, working] if task.done()), None)
        finally:
            await _cancelled([working, stopping, *tasks[1:]])
            stop_kopf.set()
            await _cancelled([watching], grace_s=5)
        if ended is not None:
            ended.result()
            stop.set()  # kopf took the signal

    def changed(self, kind: str, manifest: Manifest) -> None:
        """The watches' word; see `watches.Listener`."""
        if kind != "videojobs":
            self._wake(self._cache.put(kind, manifest))
            return
        if self._cache.put_videojob(manifest):
            self._told(manifest)
        self._wake(manifest["metadata"]["name"])

    def gone(self, kind: str, manifest: Manifest) -> None:
        name, uid = manifest["metadata"]["name"], manifest["metadata"]["uid"]
        if kind != "videojobs":
            self._wake(self._cache.drop(kind, uid) or "")
            return
        self._cache.drop_videojob(name, uid)
        self._ledger.forget(name, uid)
        self._wake(name)

    def _told(self, manifest: Manifest) -> None:
        if self._ledger.saw(VideoJob.from_manifest(manifest)):
            self._deliverer.wake()

    def _wake(self, name: str) -> None:
        if self._in_sync.is_set() and name:
            self._queue.add(name)

    def _warned(self, warning: Warning_) -> None:
        self._wake(self._cache.warn(warning) or "")

    async def _watch(self, stop: asyncio.Event) -> None:
        await kopf.operator(
            registry=watches.registry(self),
            settings=watches.settings(),
            namespaces=[self._settings.namespace],
            # kopf would ask for the user's name, which a container's user need not have.
            identity=self._around.lease.identity,  # type: ignore[arg-type]  # a str that kopf has its own name for
            standalone=True,
            stop_flag=stop,
        )

    async def _resynced(self) -> None:
        await self._resync.run(
            seconds(self._settings.resync_s), seconds(self._settings.watch_lag_limit_s), self._all_is_seen
        )

    def _all_is_seen(self) -> None:
        self._around.metrics.resyncs.inc()
        self._around.health.heard()
        if not self._in_sync.is_set():
            self._cache.mark_in_sync()
            self._in_sync.set()
            _log.info("in_sync", extra={"videojobs": len(self._cache)})
            for name in self._cache.names():
                self._queue.add(name)

    async def _work(self) -> None:
        """Decide and send, from the moment on at which all is seen."""
        await self._in_sync.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run())
            group.create_task(self._deliverer.run())
            group.create_task(watch_warnings(self._around.cluster, self._settings.namespace, self._warned))


async def _cancelled(tasks: list[asyncio.Task[Any]], grace_s: float = 0.0) -> None:
    """Cancel what has not ended within the grace, and wait for it."""
    pending = {task for task in tasks if not task.done()}
    if grace_s and pending:
        _, pending = await asyncio.wait(pending, timeout=grace_s)
    for task in pending:
        task.cancel()
    with contextlib.suppress(Exception):
        await asyncio.gather(*tasks, return_exceptions=True)
