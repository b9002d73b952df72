"""How many VideoJobs wait: counted from a watch, so that a submission need not list them."""

import asyncio
import logging
from typing import Self

from ecg_api.errors import QueueFullError, StoreUnavailableError
from ecg_api.ports import Submitter
from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import SUBMITTER_LABEL

_FIRST_LIST_S = 10.0
_PAUSE_S = 1.0
_WATCH_S = 240
_log = logging.getLogger(__name__)


class Backlog:
    """A context manager: counts while it is open."""

    def __init__(self, watching: Cluster, namespace: str, limit: int, *, by_submitter: bool = False) -> None:
        """`limit` 0 is never reached; nothing is counted then, unless submitters have limits of their own."""
        self._cluster, self._path, self._limit = watching, paths.videojobs(namespace), limit
        self._counts = limit > 0 or by_submitter
        self._waiting: dict[str, str | None] = {}
        """By uid, the submitter."""
        self._is_known = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._counts:
            self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self, submitter: Submitter | None = None) -> None:
        """Raises QueueFullError where no other job may wait, StoreUnavailableError while nothing has been counted."""
        if not self._counts:
            return
        try:
            async with asyncio.timeout(_FIRST_LIST_S):
                await self._is_known.wait()
        except TimeoutError:
            raise StoreUnavailableError("the VideoJobs that wait have not been counted yet") from None
        if self._limit and len(self._waiting) >= self._limit:
            raise QueueFullError
        if submitter is None or submitter.queued_jobs is None:
            return
        if sum(name == submitter.name for name in self._waiting.values()) >= submitter.queued_jobs:
            raise QueueFullError(submitter.name)

    def put(self, manifest: Manifest) -> None:
        """Count a VideoJob that was created, before the watch brings it."""
        metadata = manifest["metadata"]
        if is_waiting(manifest):
            self._waiting[metadata["uid"]] = metadata.get("labels", {}).get(SUBMITTER_LABEL)
        else:
            self._waiting.pop(metadata["uid"], None)

    async def _follow(self) -> None:
        while True:
            try:
                listed, version = await self._cluster.list(self._path)
                self._waiting = {}
                for item in listed:
                    self.put(item)
                self._is_known.set()
                await self._watch(version)
            except ClusterError as error:
                _log.info("backlog_watch_interrupted", extra={"error": str(error)})
                await asyncio.sleep(error.pause_s(_PAUSE_S))

    async def _watch(self, version: str) -> None:
        """Until an error: GoneError for a version that is too old."""
        while True:
            async for event in self._cluster.watch(self._path, version, limit_s=_WATCH_S):
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self._waiting.pop(event["object"]["metadata"]["uid"], None)
                elif event["type"] != "BOOKMARK":
                    self.put(event["object"])


def is_waiting(manifest: Manifest) -> bool:
    """Whether the run waits for a slot or for its pod; read from the raw object, as each event asks for it."""
    spec, status = manifest["spec"], manifest.get("status") or {}
    run, attempt = spec.get("run", 1), status.get("attempt") or {}
    if spec.get("suspend") or spec.get("cancelledRun", 0) >= run or manifest["metadata"].get("deletionTimestamp"):
        return False
    if status.get("run") != run:
        return True
    return "completionTime" not in status and "startTime" not in attempt
