"""Follows all VideoJobs of the namespace, so that no request has to list them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol, Self

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_common.tasks import end_tasks
from ecg_contract.videojob.manifests import Manifest

_PAUSE_S = 1.0
_WATCH_S = 60
"""Longest watch: a connection that died without notice is replaced when it is over."""
_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Is told what there is, and each change, perhaps twice."""

    def replace(self, manifests: Sequence[Manifest]) -> None:
        """These are all."""

    def put(self, manifest: Manifest) -> None:
        """Created or changed."""

    def remove(self, uid: str) -> None: ...


class VideoJobWatch:
    """A context manager: follows while it is open."""

    def __init__(self, watching: Cluster, namespace: str) -> None:
        """`watching` is the connection for watches."""
        self._cluster, self._path = watching, paths.videojobs(namespace)
        self._listeners: list[Listener] = []
        self._is_known = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_current = False
        """Whether all has been told, but for the delay of a watch."""

    def listen(self, listener: Listener) -> None:
        """Call it before the watch is opened."""
        self._listeners.append(listener)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_current = False
        if self._task is not None:
            await end_tasks([self._task])

    async def known(self) -> None:
        """Returns when the listeners have been told once what there is."""
        await self._is_known.wait()

    def put(self, manifest: Manifest) -> None:
        """A VideoJob that was written, before the watch brings it."""
        for listener in self._listeners:
            listener.put(manifest)

    def remove(self, uid: str) -> None:
        """A VideoJob that was deleted, before the watch says so."""
        for listener in self._listeners:
            listener.remove(uid)

    async def _follow(self) -> None:
        while True:
            try:
                listed, version = await self._cluster.list(self._path)
                for listener in self._listeners:
                    listener.replace(listed)
                self.is_current = True
                self._is_known.set()
                await self._watch(version)
            except ClusterError as error:
                self.is_current = False
                _log.info("videojob_watch_interrupted", extra={"error": str(error)})
                await asyncio.sleep(error.pause_s(_PAUSE_S))

    async def _watch(self, version: str) -> None:
        """Until an error: GoneError for a version that is too old."""
        while True:
            async for event in self._cluster.watch(self._path, version, limit_s=_WATCH_S):
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self.remove(event["object"]["metadata"]["uid"])
                elif event["type"] != "BOOKMARK":
                    self.put(event["object"])
