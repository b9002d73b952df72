"""The canary: everything is listed from time to time, and the watches must have told of it already.

What is listed and was not told within the limit means that the operator is deaf: it counts as unhealthy and is started
anew. What was told and is not listed any more is dropped. A list that fails says nothing about the watches.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_operator.observe.cache import Cache

_LOOK_S = 0.1
_log = logging.getLogger(__name__)


class DeafError(Exception):
    """The watches do not bring what is listed."""


@dataclass(frozen=True)
class _Listed:
    kind: str
    name: str
    uid: str
    version: int


class Resync:
    """`once` returns when the cache has all that is listed; `run` repeats it."""

    def __init__(self, cluster: Cluster, namespace: str, cache: Cache, wake: Callable[[str], None]) -> None:
        self._cluster, self._cache, self._wake = cluster, cache, wake
        self._paths = {
            "videojobs": (paths.videojobs(namespace), None),
            "jobs": (paths.jobs(namespace), VIDEOJOB_LABEL),
            "pods": (paths.core(namespace, "pods"), VIDEOJOB_LABEL),
        }

    async def run(self, every: timedelta, limit: timedelta, synced: Callable[[], None]) -> None:
        """Raises DeafError. `synced` is called each time all is well."""
        while True:
            try:
                await self.once(limit)
                synced()
            except ClusterError as error:
                _log.warning("resync_list_failed", extra={"error": str(error)})
            await asyncio.sleep(every.total_seconds())

    async def once(self, limit: timedelta) -> None:
        """Raises DeafError when the watches lag by more than `limit`, and ClusterError."""
        listed = [item for kind in self._paths for item in await self._list(kind)]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit.total_seconds()
        missing = self._missing(listed)
        while missing and loop.time() < deadline:
            await asyncio.sleep(_LOOK_S)
            missing = self._missing(missing)
        if missing and (missing := await self._still_there(missing)):
            first = missing[0]
            raise DeafError(f"{len(missing)} changes did not come through the watch, as of {first.kind} {first.name}")
        for name in self._cache.names_at_work():
            self._wake(name)

    async def _list(self, kind: str) -> list[_Listed]:
        path, selector = self._paths[kind]
        known = self._cache.uids(kind)
        items, _ = await self._cluster.list(path, selector=selector, metadata_only=True)
        found = [_Listed(kind, m["name"], m["uid"], int(m["resourceVersion"])) for m in (i["metadata"] for i in items)]
        for name in self._cache.drop_all(kind, known - {item.uid for item in found}):
            self._wake(name)
        return found

    def _missing(self, listed: list[_Listed]) -> list[_Listed]:
        return [i for i in listed if self._cache.version(i.kind, i.uid, i.name) < i.version]

    async def _still_there(self, missing: list[_Listed]) -> list[_Listed]:
        """What was deleted meanwhile is no canary."""
        present = {item.uid for kind in {item.kind for item in missing} for item in await self._list(kind)}
        return [item for item in self._missing(missing) if item.uid in present]
