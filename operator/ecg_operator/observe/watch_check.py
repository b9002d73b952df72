"""Watch liveness check: lists everything from time to time and compares it with what the watches have brought.

A listed change that the watches do not bring within the limit means that they are stalled: the operator restarts them.
Cached objects that are not listed any more are dropped. A list that fails says nothing about the watches.
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
from ecg_operator.observe.cache import Cache, Store

_POLL_S = 0.1
_log = logging.getLogger(__name__)


class WatchStalledError(Exception):
    """The watches do not bring what is listed."""


@dataclass(frozen=True)
class _Kind:
    """Where objects of one kind are listed, and what their watch has brought."""

    name: str
    path: str
    selector: str | None
    store: Store


@dataclass(frozen=True)
class _Listed:
    kind: _Kind
    name: str
    uid: str
    version: int


class WatchCheck:
    """`once` returns when the cache has all that is listed; `run` repeats it, and has what is at work reconciled."""

    def __init__(self, cluster: Cluster, namespace: str, cache: Cache, wake: Callable[[str | None], None]) -> None:
        """`wake` is called with the names of VideoJobs to reconcile."""
        self._cluster, self._cache, self._wake = cluster, cache, wake
        self._kinds = (
            _Kind("videojobs", paths.videojobs(namespace), None, cache.videojobs),
            _Kind("jobs", paths.jobs(namespace), VIDEOJOB_LABEL, cache.jobs),
            _Kind("pods", paths.core(namespace, "pods"), VIDEOJOB_LABEL, cache.pods),
        )

    async def run(self, every: timedelta, limit: timedelta, passed: Callable[[], None]) -> None:
        """Raises WatchStalledError. `passed` is called after each check without fault."""
        while True:
            try:
                await self.once(limit)
            except ClusterError as error:
                _log.warning("watch_check_list_failed", extra={"error": str(error)})
                await asyncio.sleep(every.total_seconds())
            else:
                passed()
                await self._wake_all_during(every)

    async def once(self, limit: timedelta) -> None:
        """Raises WatchStalledError when the watches lag by more than `limit`, and ClusterError."""
        listed = [item for kind in self._kinds for item in await self._list(kind)]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit.total_seconds()
        missing = _missing(listed)
        while missing and loop.time() < deadline:
            await asyncio.sleep(_POLL_S)
            missing = _missing(missing)
        if missing and (missing := await self._still_there(missing)):
            first = f"{missing[0].kind.name} {missing[0].name}"
            raise WatchStalledError(f"{len(missing)} changes did not come through the watch, as of {first}")

    async def _wake_all_during(self, time: timedelta) -> None:
        """Wake what is at work, for what no event has told, one after the other: all at once would delay callbacks."""
        names = self._cache.videojobs.names_at_work()
        for name in names:
            self._wake(name)
            await asyncio.sleep(time.total_seconds() / len(names))
        if not names:
            await asyncio.sleep(time.total_seconds())

    async def _list(self, kind: _Kind) -> list[_Listed]:
        cached = kind.store.uids()
        items, _ = await self._cluster.list(kind.path, selector=kind.selector, metadata_only=True)
        metadata = [item["metadata"] for item in items]
        for uid in cached - {m["uid"] for m in metadata}:
            self._wake(kind.store.drop(uid))
        return [_Listed(kind, m["name"], m["uid"], int(m["resourceVersion"])) for m in metadata]

    async def _still_there(self, missing: list[_Listed]) -> list[_Listed]:
        """An object that was deleted meanwhile proves nothing."""
        present = {item.uid for kind in {item.kind for item in missing} for item in await self._list(kind)}
        return [item for item in _missing(missing) if item.uid in present]


def _missing(listed: list[_Listed]) -> list[_Listed]:
    return [item for item in listed if item.kind.store.version(item.uid) < item.version]
