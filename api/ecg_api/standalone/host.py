"""Builds the standalone host: API, job store, runner with its pipeline process, callback deliverer."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import timedelta

from fastapi import FastAPI

from ecg_api.errors import StoreUnavailableError
from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from ecg_api.standalone.child import ChildStarter, Mode, StartChild
from ecg_api.standalone.data_dir_lock import locked
from ecg_api.standalone.runner import Processes, Runner, RunnerSettings
from ecg_api.standalone.settings import StandaloneSettings
from ecg_api.standalone.storage.callback_ledger import CallbackLedger
from ecg_api.standalone.storage.changes import Changes
from ecg_api.standalone.storage.database import Database
from ecg_api.standalone.storage.job_files import JobFiles
from ecg_api.standalone.storage.run_queue import RunQueue
from ecg_api.standalone.storage.storage import Storage
from ecg_api.standalone.storage.store import SqliteStore
from ecg_api.standalone.warm_child import WarmChild
from ecg_callbacks.body import FileResults
from ecg_callbacks.deliverer import Deliverer
from ecg_callbacks.sender import CallbackSender
from ecg_common.logs import job_logger
from ecg_contract.attempt_outcome import RetryPolicy

_STARTING = "the pipeline process is being started, and its models are loaded"
_SWEEP_EVERY_S = 60.0
_log = logging.getLogger(__name__)


def build_app(settings: Settings, standalone: StandaloneSettings, start_child: StartChild | None = None) -> FastAPI:
    """The application with its background tasks; it locks the data directory until it is shut down.

    Raises StoreUnavailableError while another server uses the directory, and where its database cannot be opened.
    """
    with ExitStack() as opened:
        lock = opened.enter_context(locked(standalone.data_dir))
        files = JobFiles(standalone.data_dir)
        database = Database(files.database)
        opened.callback(database.close)
        storage = Storage(database, files, Changes(), timedelta(seconds=standalone.job_ttl_s))
        processes = _processes(standalone, files, start_child or ChildStarter(held=(lock,)))
        store = SqliteStore(storage, standalone.queue_limit, processes.trouble, standalone.workers)
        host = _Host(settings, standalone, storage, processes, opened.pop_all())
        return create_app(settings, store, host.lifespan, uploads=store, redelivery=store)


def _processes(standalone: StandaloneSettings, files: JobFiles, start: StartChild) -> Processes:
    def children(mode: Mode, number: int) -> list[WarmChild]:
        folders = (files.work_of(f"{mode.name.lower()}-{i}") for i in range(1, number + 1))
        missing = (_STARTING,) if mode is Mode.ANALYZE else ()
        return [WarmChild(start, mode, folder, standalone.heartbeat_lost_s, missing) for folder in folders]

    return Processes(children(Mode.FETCH, standalone.fetch_slots), children(Mode.ANALYZE, standalone.workers))


class _Host:
    """The background tasks of the application."""

    def __init__(
        self,
        settings: Settings,
        standalone: StandaloneSettings,
        storage: Storage,
        processes: Processes,
        opened: ExitStack,
    ) -> None:
        self._settings, self._standalone, self._storage, self._processes = settings, standalone, storage, processes
        self._opened = opened

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """On shutdown the running job is put back first, then callbacks in flight are finished, then files closed."""
        with self._opened:
            sender = CallbackSender(FileResults(), self._settings.callback_policy, self._settings.signing_secret)
            deliverer = Deliverer(CallbackLedger(self._storage), sender)
            self._storage.changes.listen(lambda _job_id: deliverer.wake())
            runner = self._runner()
            await runner.recover()  # before a request can upload a file that no job owns yet
            tasks = [asyncio.create_task(work) for work in (runner.run(), self._expire_jobs(), deliverer.run())]
            try:
                yield
            finally:
                for task in tasks:
                    await _end(task)
                await sender.aclose()

    def _runner(self) -> Runner:
        settings = RunnerSettings(
            self._standalone.job_deadline_s,
            self._standalone.heartbeat_lost_s,
            self._standalone.fetch_max_bytes,
            RetryPolicy(self._standalone.cpu_fallback),
        )
        return Runner(RunQueue(self._storage), self._storage.files, self._storage.changes, self._processes, settings)

    async def _expire_jobs(self) -> None:
        queue = RunQueue(self._storage)
        while True:
            with suppress(StoreUnavailableError, OSError):  # tried again after the pause
                for job_id in await queue.expire():
                    job_logger(__name__, job_id).info("job_expired")
            await asyncio.sleep(_SWEEP_EVERY_S)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel the task and log its error, so that the next one is ended, too."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("task_failed", exc_info=error)
