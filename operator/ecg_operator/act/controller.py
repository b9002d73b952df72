"""Attends to one VideoJob at a time: observes, decides by `reconcile`, has the plan carried out."""

import contextlib
import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import NotFoundError
from ecg_common.logs import job_logger
from ecg_contract.videojob.names import VIDEOJOB_LABEL
from ecg_contract.videojob.resource import ConditionType, VideoJob, VideoJobStatus
from ecg_operator.act.apply import Applier, OutdatedError
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.reconcile import reconcile
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.snapshot import Observed
from ecg_operator.settings import OperatorSettings

SOFT = timedelta(seconds=3)
"""How long news that only people read may wait for another write to go with."""
SIGNED_ANEW = timedelta(minutes=10)
"""How often the upload URL of an attempt at work is signed anew."""
_AT_ONCE = 0.05


class Controller:
    """The work queue's handler."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is put together from
        self,
        cache: Cache,
        cluster: Cluster,
        applier: Applier,
        settings: OperatorSettings,
        clock: Callable[[], datetime],
        may_act: Callable[[], bool],
    ) -> None:
        self._cache, self._cluster, self._applier = cache, cluster, applier
        self._settings, self._clock, self._may_act = settings, clock, may_act
        self.carried_out: Callable[[Plan], None] = lambda _plan: None
        """Is told of every plan that was carried out."""
        self.in_sync_since = clock()
        """Silence before is this operator's own, and held against no pod."""
        self._soft_since: dict[str, datetime] = {}
        self._tidied: dict[str, str] = {}
        """The run of each VideoJob that was tidied up after its end."""
        self._signed: dict[str, tuple[int, datetime]] = {}
        """Of each VideoJob the attempt whose upload URL was signed, and when."""

    async def attend(self, name: str) -> float | None:
        """In how many seconds to look again. Raises ClusterError for what should be tried again."""
        if not self._may_act():
            return 1.0
        async with self._applier.writer.only(name):
            observed = await self._observed(name)
            if observed is None:
                self.forget(name)
                return None
            delay = await self._carry_out(name, observed)
            return await self._signed_anew(name, observed.videojob, delay)

    def refresh(self, observed: Observed) -> VideoJobStatus:
        """The status with all that may be written in passing; what announces an action is left to `attend`."""
        plan = reconcile(self._heard(observed), self._settings, self._clock())
        return observed.videojob.status if plan.acts or plan.clean_up or plan.notes else plan.status

    def forget(self, name: str) -> None:
        self._soft_since.pop(name, None)
        self._signed.pop(name, None)
        self._tidied.pop(name, None)

    async def _carry_out(self, name: str, observed: Observed) -> float | None:
        now = self._clock()
        plan = reconcile(observed, self._settings, now)
        videojob = observed.videojob
        write = plan.status != videojob.status
        if write and not plan.acts and is_soft(videojob.status, plan.status):
            since = self._soft_since.setdefault(name, now)
            if now < since + SOFT:
                return (since + SOFT - now).total_seconds()
        self._soft_since.pop(name, None)
        plan = self._untidied(videojob, plan, write=write)
        if not write and not plan.acts and not plan.clean_up:
            return _delay(plan, now)
        try:
            await self._applier.apply(videojob, plan, write=write)
        except OutdatedError:
            return _AT_ONCE
        self._told(videojob, plan)
        return _delay(plan, now)

    async def _signed_anew(self, name: str, videojob: VideoJob, delay: float | None) -> float | None:
        """The delay until the next look, at the latest when the upload URL has to be signed again."""
        status, now = videojob.status, self._clock()
        attempt = status.attempt
        if self._applier.presigner is None or attempt is None or status.completion_time is not None:
            return delay
        number, signed_at = self._signed.get(name, (0, now))
        if number != attempt.number and attempt.job_uid is None:
            self._signed[name] = (attempt.number, now)  # together with its Job
        elif number != attempt.number or now >= signed_at + SIGNED_ANEW:
            await self._applier.renew_upload(videojob)
            self._signed[name] = (attempt.number, now)
        left = (self._signed[name][1] + SIGNED_ANEW - now).total_seconds()
        return left if delay is None else min(delay, left)

    def _untidied(self, videojob: VideoJob, plan: Plan, *, write: bool) -> Plan:
        """Once in this process is enough, unless something new has ended."""
        if not plan.clean_up:
            return plan
        name, run = videojob.metadata.name, f"{videojob.metadata.uid}/{videojob.spec.run}"
        if self._tidied.get(name) == run and not write:
            return dataclasses.replace(plan, clean_up=False)
        self._tidied[name] = run
        return plan

    async def _observed(self, name: str) -> Observed | None:
        """With a second look at what the cache lacks: no Job is missed, or made twice, for a watch that lags."""
        observed = self._cache.observe(name)
        if observed is None:
            return None
        attempt = observed.videojob.status.attempt
        finished = observed.videojob.status.completion_time is not None
        if attempt is not None and not finished and observed.job() is None:
            await self._look_for_job(attempt.job_name)
            observed = self._cache.observe(name)
        job = observed.job() if observed else None
        if observed is not None and job is not None and (job.failed or job.succeeded) and observed.pod() is None:
            await self._look_for_pods(name)
            observed = self._cache.observe(name)
        return self._heard(observed) if observed else None

    async def _look_for_job(self, job_name: str) -> None:
        with contextlib.suppress(NotFoundError):
            self._cache.put("jobs", await self._cluster.get(paths.jobs(self._settings.namespace, job_name)))

    async def _look_for_pods(self, name: str) -> None:
        selector = f"{VIDEOJOB_LABEL}={name}"
        pods, _ = await self._cluster.list(paths.core(self._settings.namespace, "pods"), selector=selector)
        for pod in pods:
            self._cache.put("pods", pod)

    def _heard(self, observed: Observed) -> Observed:
        heard = max(filter(None, (observed.heard_at, self.in_sync_since)))
        return dataclasses.replace(observed, heard_at=heard)

    def _told(self, videojob: VideoJob, plan: Plan) -> None:
        self.carried_out(plan)
        log = job_logger(__name__, videojob.spec.job_id)
        for note in plan.notes:
            say = log.warning if note.type == "Warning" else log.info
            say("job_event", extra={"reason": note.reason, "detail": note.message})


def is_soft(before: VideoJobStatus, after: VideoJobStatus) -> bool:
    """Whether nothing but words and times for people differs: nothing that a program waits for."""
    return _hard(before) == _hard(after)


def _hard(status: VideoJobStatus) -> tuple[object, ...]:
    attempt, scheduled = status.attempt, status.condition(ConditionType.SCHEDULED)
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return (
        status.run,
        status.completion_time,
        status.observed_redelivery,
        status.callbacks,
        attempt and (attempt.number, attempt.pod_uid, attempt.stuck_since is None),
        scheduled and scheduled.status,
        succeeded and (succeeded.status, succeeded.reason),
    )


def _delay(plan: Plan, now: datetime) -> float | None:
    return max((plan.again_at - now).total_seconds(), 0.0) if plan.again_at else None
