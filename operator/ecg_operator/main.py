"""`python -m ecg_operator.main`: waits for the Lease, then acts; begins anew when its watches or its Lease are lost."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from ecg_callbacks.sender import CallbackSender
from ecg_cluster.client import Cluster, connect
from ecg_cluster.results import ClusterResults
from ecg_cluster.s3 import s3_client
from ecg_common.logs import configure_logging
from ecg_operator.act.pod_config import load_pod_config
from ecg_operator.act.presign import S3Presigner
from ecg_operator.observe import watches
from ecg_operator.observe.watch_check import DeafError
from ecg_operator.operator import Run, Surroundings
from ecg_operator.runtime.health import serve_health
from ecg_operator.runtime.lease import Lease
from ecg_operator.settings import OperatorSettings

_PAUSE_S = 1.0
_log = logging.getLogger(__name__)

Build = Callable[[OperatorSettings], Awaitable[Surroundings]]


def main() -> None:
    try:
        settings = OperatorSettings()
    except ValidationError as error:
        sys.exit(f"{error}")
    configure_logging(level=settings.log_level)
    watches.quieten()
    asyncio.run(operate(settings, build))


async def build(settings: OperatorSettings) -> Surroundings:
    """All that a run needs, put together in one place."""
    cluster = await connect()
    s3 = s3_client() if settings.results_bucket else None
    results = ClusterResults(cluster, settings.namespace, s3, settings.results_bucket)
    secret = settings.callback_secret.get_secret_value() if settings.callback_secret else None
    presigner = S3Presigner(s3, settings.results_bucket, settings.results_prefix) if settings.results_bucket else None
    return Surroundings(
        settings=settings,
        config=load_pod_config(settings.pod_config_file),
        cluster=cluster,
        lease=lease_of(cluster, settings),
        sender=CallbackSender(results, settings.callback_policy, secret),
        presigner=presigner,
    )


def lease_of(cluster: Cluster, settings: OperatorSettings) -> Lease:
    return Lease(
        cluster,
        settings.namespace,
        settings.lease_name,
        duration_s=settings.lease_duration_s,
        renew_s=settings.lease_renew_s,
    )


async def operate(settings: OperatorSettings, build: Build) -> None:
    """Until SIGTERM or SIGINT."""
    around = await build(settings)
    stop = asyncio.Event()
    health = serve_health(settings.health_port, around.health)
    metrics = around.metrics.serve(settings.metrics_port)
    beating = asyncio.create_task(around.health.beat())
    _log.info("operator_started", extra={"namespace": settings.namespace, "health": health, "metrics": metrics})
    try:
        while not stop.is_set():
            for number in (signal.SIGTERM, signal.SIGINT):  # kopf takes them for the time of its run
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await _lead(around, stop)
    finally:
        beating.cancel()
        await around.lease.release()
        await around.cluster.close()
        _log.info("operator_stopped")


async def _lead(around: Surroundings, stop: asyncio.Event) -> None:
    """One term: with the Lease, until something ends it."""
    waiting = {asyncio.create_task(around.lease.acquire()), asyncio.create_task(stop.wait())}
    _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if stop.is_set():
        return
    around.metrics.lease_held.set(1)
    try:
        await Run(around).run(stop)
    except Exception as error:
        if isinstance(error, DeafError):
            around.health.deaf()
        around.metrics.run_failures.inc()
        _log.error("run_ended", extra={"error": f"{type(error).__name__}: {error}"})
        await asyncio.sleep(_PAUSE_S)
    finally:
        around.health.run_ended()
        around.metrics.lease_held.set(0)


if __name__ == "__main__":
    main()
