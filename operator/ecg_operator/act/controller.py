"""The work queue's handler: observes one VideoJob, reconciles, has the plan applied."""

import time
from collections import Counter
from collections.abc import Callable

from ecg_common.clock import Clock
from ecg_common.logs import job_logger
from ecg_common.retry import exponential_backoff
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.apply import Applier
from ecg_operator.act.outdated import OutdatedError
from ecg_operator.act.status_writer import WriteDelay
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.observer import Observer
from ecg_operator.observe.snapshot import Observed
from ecg_operator.settings import OperatorSettings

_WITHOUT_LEASE_S = 1.0
_AT_ONCE_S = 0.05
_LONGEST_BACKOFF_S = 30.0


class Controller:
    """`on_applied` is called with every plan that was applied."""

    def __init__(  # noqa: PLR0913 - the parts of one pass
        self,
        observer: Observer,
        applier: Applier,
        settings: OperatorSettings,
        *,
        clock: Clock,
        holds_lease: Callable[[], bool],
        on_applied: Callable[[Plan], None],
    ) -> None:
        self._observer, self._applier, self._settings = observer, applier, settings
        self._clock, self._holds_lease, self._on_applied = clock, holds_lease, on_applied
        self._write_delay = WriteDelay(time.monotonic)
        self._outdated: Counter[str] = Counter()
        """How often in a row a VideoJob had changed meanwhile."""

    async def handle(self, name: str) -> float | None:
        """One pass; in how many seconds the next is due. Raises ClusterError for what should be tried again."""
        if not self._holds_lease():
            return _WITHOUT_LEASE_S
        async with self._applier.writer.locked(name):
            observed = await self._observer.observe(name)
            if observed is None:
                self._forget(name)
                return None
            return await self._reconcile(observed)

    async def _reconcile(self, observed: Observed) -> float | None:
        videojob, now = observed.videojob, self._clock()
        name = videojob.metadata.name
        plan = reconcile(observed, self._settings, now)
        delay: float | None = self._write_delay.seconds_left(videojob, plan)
        if not delay:
            try:
                videojob = await self._apply(videojob, plan)
            except OutdatedError:
                self._outdated[name] += 1
                return exponential_backoff(self._outdated[name], _AT_ONCE_S, _LONGEST_BACKOFF_S)
            self._outdated.pop(name, None)
            self._applied(videojob, plan)
            delay = max((plan.again_at - now).total_seconds(), 0.0) if plan.again_at else None
        uploads = self._applier.uploads
        return sooner(delay, await uploads.renew(videojob) if uploads else None)

    async def _apply(self, videojob: VideoJob, plan: Plan) -> VideoJob:
        if not plan.create_job:
            return await self._applier.apply(videojob, plan)
        with self._applier.cache.queue.reserved(videojob.metadata.name):
            return await self._applier.apply(videojob, plan)

    def _forget(self, name: str) -> None:
        self._outdated.pop(name, None)
        self._applier.cache.refuse_job(name, None)
        for owner in (self._write_delay, self._applier.clean_up, self._applier.uploads):
            if owner is not None:
                owner.forget(name)

    def _applied(self, videojob: VideoJob, plan: Plan) -> None:
        self._on_applied(plan)
        logger = job_logger(__name__, videojob.spec.job_id, videojob.spec.traceparent)
        for note in plan.notes:
            log = logger.warning if note.type == "Warning" else logger.info
            log("job_event", extra={"reason": note.reason, "detail": note.message})


def sooner(one: float | None, other: float | None) -> float | None:
    """The shorter of two delays, where None means without limit."""
    return min((delay for delay in (one, other) if delay is not None), default=None)
