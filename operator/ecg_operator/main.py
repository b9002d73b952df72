"""`python -m ecg_operator.main`: waits for the Lease, acts, and starts again when the watches or the Lease are lost."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from functools import partial

from ecg_common.load_settings import load_settings
from ecg_common.logs import configure_logging
from ecg_common.tasks import end_tasks
from ecg_operator.composition import Dependencies, build, connected
from ecg_operator.observe import watches
from ecg_operator.observe.watch_check import WatchStalledError
from ecg_operator.operator import Operator
from ecg_operator.runtime.health import serve_health
from ecg_operator.settings import OperatorSettings

_PAUSE_S = 1.0
_log = logging.getLogger(__name__)

Connect = Callable[[OperatorSettings], Awaitable[Dependencies]]


def main() -> None:
    settings = load_settings(OperatorSettings)
    configure_logging(level=settings.log_level)
    watches.quieten()
    asyncio.run(operate(settings, connected))


async def operate(settings: OperatorSettings, connect: Connect) -> None:
    """Until SIGTERM or SIGINT."""
    given = await connect(settings)
    stop = asyncio.Event()
    health, metrics = serve_health(settings.health_port, given.health), given.metrics.serve(settings.metrics_port)
    beating = asyncio.create_task(given.health.beat())
    _log.info("operator_started", extra={"namespace": settings.namespace, "health": health, "metrics": metrics})
    try:
        while not stop.is_set():
            _take_signals(stop)
            try:
                acquired = await _acquire_lease(given, stop)
            except Exception as error:  # an object that is no Lease, for example: tried again
                _log.exception("lease_not_acquired", extra={"error": type(error).__name__})
                await asyncio.sleep(_PAUSE_S)
                continue
            if acquired:
                await _lead(given, stop)
    finally:
        beating.cancel()
        await given.lease.release()
        await given.cluster.close()
        _log.info("operator_stopped")


def _take_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _acquire_lease(given: Dependencies, stop: asyncio.Event) -> bool:
    """False when it is told to stop before. Raises what `Lease.acquire` raises."""
    acquiring, stopping = asyncio.create_task(given.lease.acquire()), asyncio.create_task(stop.wait())
    await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await end_tasks((acquiring, stopping))
    if not acquiring.cancelled():
        acquiring.result()
    return not stop.is_set() and given.lease.is_held


async def _lead(given: Dependencies, stop: asyncio.Event) -> None:
    """One run with the Lease, until something ends it."""
    given.metrics.lease_held.set(1)
    try:
        await Operator(given, build(given), partial(_take_signals, stop)).run(stop)
    except Exception as error:
        if isinstance(error, WatchStalledError):
            given.health.watches_stalled()
        given.metrics.run_failures.inc()
        _log.error("run_ended", extra={"error": f"{type(error).__name__}: {error}"})
        await asyncio.sleep(_PAUSE_S)
    finally:
        given.health.run_ended()
        given.metrics.lease_held.set(0)


if __name__ == "__main__":
    main()
