"""The Lease of the one operator that acts (coordination.k8s.io, as client-go's leader election uses it).

A holder counts its time from before the request that renewed the Lease, others from when they saw it renewed: their
clocks need not agree. Nobody acts on a Lease that may have expired.
"""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError, ClusterError, ConflictError, NotFoundError
from ecg_common.clock import rfc3339, utc_now
from ecg_operator.settings import OperatorSettings

_POLL_S = 1.0
_MARGIN = 0.3
"""Share of the Lease's duration that is left for requests in flight to end, when it cannot be renewed."""
_log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """This operator may not act any more."""


def _clock() -> float:
    """Seconds that also count while the machine is suspended, as the Lease goes on then."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lease:
    """`acquire`, then `keep` until it raises, then `release`."""

    def __init__(self, cluster: Cluster, settings: OperatorSettings, clock: Callable[[], float] = _clock) -> None:
        self._cluster, self._namespace, self._name = cluster, settings.namespace, settings.lease_name
        self._duration_s, self._renew_s, self._clock = settings.lease_duration_s, settings.lease_renew_s, clock
        self.identity = f"{socket.gethostname()}_{settings.pod_uid or secrets.token_hex(4)}"
        """The same for a container that is started again in its pod, on the Lease of the one that ended."""
        self._held_until = float("-inf")
        self._lease: dict[str, Any] = {}
        self._seen: tuple[object, float] = (None, 0.0)
        """The other holder's last renewal, and when this operator first saw it."""

    @property
    def is_held(self) -> bool:
        return self._clock() < self._held_until

    def check(self) -> None:
        """Raises LeaseLostError unless the Lease is held at this moment."""
        if not self.is_held:
            raise LeaseLostError(f"the Lease {self._name} is not held")

    async def acquire(self) -> None:
        """Returns once this operator holds the Lease."""
        waiting = False
        while not await self._renew():
            if not waiting:
                _log.info("lease_awaited", extra={"holder": self._holder()})
            waiting = True
            await asyncio.sleep(_POLL_S)
        _log.info("lease_acquired", extra={"identity": self.identity})

    async def keep(self) -> None:
        """Renew it for ever. Raises LeaseLostError when it is about to expire, or another operator holds it."""
        while True:
            await asyncio.sleep(min(self._renew_s, max(self._left(), 0) / 2 + 0.05))
            if not await self._renew_in_time() and self._holder() != self.identity:
                self._held_until = float("-inf")
            if self._left() <= 0:
                raise LeaseLostError(f"the Lease {self._name} is about to expire, or another operator holds it")

    def _left(self) -> float:
        """Seconds until it has to be renewed, or everything in flight ended."""
        return self._held_until - _MARGIN * self._duration_s - self._clock()

    async def _renew_in_time(self) -> bool:
        """False also where the API server does not answer before the time is over."""
        try:
            async with asyncio.timeout(max(self._left(), 0)):
                return await self._renew()
        except TimeoutError:
            _log.warning("lease_not_renewed", extra={"error": "no answer in time"})
            return False

    async def release(self) -> None:
        """Let another operator acquire it at once."""
        if not self.is_held:
            return
        self._held_until = float("-inf")
        try:
            await self._write("", 1)
        except ClusterError as error:
            _log.warning("lease_not_released", extra={"error": str(error)})

    async def _renew(self) -> bool:
        began = self._clock()
        try:
            self._lease = await self._cluster.get(paths.leases(self._namespace, self._name))
            if not self._is_free():
                return False
            await self._write(self.identity, int(self._duration_s))
        except NotFoundError:
            if not await self._create():
                return False
        except ConflictError:
            return False
        except ClusterError as error:
            _log.warning("lease_not_renewed", extra={"error": str(error)})
            return False
        self._held_until = began + self._duration_s
        return True

    def _is_free(self) -> bool:
        if self._holder() in ("", self.identity):
            return True
        renewal = self._lease["metadata"]["resourceVersion"]
        if renewal != self._seen[0]:
            self._seen = (renewal, self._clock())
        duration = float(self._lease.get("spec", {}).get("leaseDurationSeconds") or self._duration_s)
        return self._clock() - self._seen[1] >= duration

    def _holder(self) -> str:
        return str(self._lease.get("spec", {}).get("holderIdentity") or "")

    async def _write(self, holder: str, duration_s: int) -> None:
        spec = {**self._lease.get("spec", {}), **_spec(holder, duration_s)}
        path = paths.leases(self._namespace, self._name)
        self._lease = await self._cluster.replace(path, self._lease | {"spec": spec})

    async def _create(self) -> bool:
        spec = _spec(self.identity, int(self._duration_s))
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self._name}}
        try:
            self._lease = await self._cluster.create(paths.leases(self._namespace), lease | {"spec": spec})
        except AlreadyExistsError:
            return False
        except ClusterError as error:
            _log.warning("lease_not_renewed", extra={"error": str(error)})
            return False
        return True


def _spec(holder: str, duration_s: int) -> dict[str, Any]:
    now = rfc3339(utc_now(), "microseconds")
    return {"holderIdentity": holder, "leaseDurationSeconds": duration_s, "renewTime": now}
