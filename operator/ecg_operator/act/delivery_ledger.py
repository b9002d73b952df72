"""`DeliveryLedger` on VideoJobs: deliveries are recorded in `status.callbacks`."""

from collections.abc import Awaitable, Callable, Sequence

from ecg_callbacks.ports import Change, Delivery, Pending, pending_of
from ecg_callbacks.videojob_facts import facts_of, record_of
from ecg_cluster.errors import ConflictError, NotFoundError
from ecg_common.clock import Clock
from ecg_contract.videojob.resource import VideoJob, VideoJobStatus
from ecg_contract.videojob.state import has_reported_result
from ecg_operator.act.status_writer import StatusWriter
from ecg_operator.decide.conditions import derived
from ecg_operator.decide.reconcile import refreshed_status
from ecg_operator.observe.cache import Cache
from ecg_operator.settings import OperatorSettings


class VideoJobLedger:
    """Keys are `<name>/<uid>`: a VideoJob that was deleted and created again is another one."""

    def __init__(
        self,
        cache: Cache,
        writer: StatusWriter,
        settings: OperatorSettings,
        clock: Clock,
        reconcile: Callable[[str], Awaitable[object]],
    ) -> None:
        """`reconcile` makes one pass over a VideoJob, which writes the end of a run that is completed."""
        self._reconcile = reconcile
        self._cache, self._writer, self._settings, self._clock = cache, writer, settings, clock
        self._pending: dict[str, Pending] = {}
        """By the VideoJob's name."""

    def update(self, name: str) -> Pending | None:
        """Read the cached VideoJob again; None where it has no callback to send."""
        videojob, pending = self._cache.videojobs.get(name), None
        if videojob is not None and videojob.metadata.deletion_timestamp is None:
            key = f"{name}/{videojob.metadata.uid}"
            pending = pending_of(key, record_of(videojob.status), facts_of(videojob), self._clock())
        if pending is None:
            self._pending.pop(name, None)
        else:
            self._pending[name] = pending
        return pending

    def __len__(self) -> int:
        """Jobs with a callback to send, now or later."""
        return len(self._pending)

    async def pending(self) -> Sequence[Pending]:
        return list(self._pending.values())

    async def load(self, key: str) -> Delivery | None:
        videojob = self._find(key)
        return Delivery(facts_of(videojob), record_of(videojob.status)) if videojob else None

    async def record(self, key: str, change: Change) -> None:
        """Where a job is recorded as delivered, the end of its run is written before."""
        name = key.partition("/")[0]
        async with self._writer.locked(name):
            is_ahead = self._is_ahead_of_the_end(key, change)
        if is_ahead:
            await self._reconcile(name)
        async with self._writer.locked(name):
            await self._record(name, key, change)

    def _is_ahead_of_the_end(self, key: str, change: Change) -> bool:
        videojob = self._find(key)
        if videojob is None or not has_reported_result(videojob.status):
            return False
        return change(record_of(videojob.status)).terminal is not None

    async def _record(self, name: str, key: str, change: Change) -> None:
        while (videojob := self._find(key)) is not None:
            try:
                await self._writer.write(videojob, self._changed(name, videojob, change))
            except ConflictError:
                await self._writer.read(name)
            except NotFoundError:
                self._pending.pop(name, None)
                return
            else:
                break
        self.update(name)

    def _changed(self, name: str, videojob: VideoJob, change: Change) -> VideoJobStatus:
        observed = self._cache.observe(name)
        now = self._clock()
        status = refreshed_status(observed, self._settings, now) if observed else videojob.status
        status = status.model_copy(update={"callbacks": change(record_of(videojob.status))})
        return derived(videojob, status, now)

    def _find(self, key: str) -> VideoJob | None:
        name, _, uid = key.partition("/")
        videojob = self._cache.videojobs.get(name)
        if videojob is None or videojob.metadata.uid != uid or videojob.metadata.deletion_timestamp is not None:
            self.update(name)
            return None
        return videojob
