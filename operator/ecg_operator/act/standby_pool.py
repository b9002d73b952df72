"""Keeps the standby Jobs: creates those that are missing, removes those that are not wanted any more."""

import asyncio
import logging
import secrets
import string
import time
from collections.abc import Callable
from datetime import timedelta

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_common.clock import Clock
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import standby_job_name
from ecg_contract.videojob.resource import Profile
from ecg_operator.act.deletion import delete_if_present
from ecg_operator.act.manifests import standby_config, standby_job_manifest
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.standby import plan_standby, wanted_standby
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.snapshot import ObservedJob
from ecg_operator.settings import OperatorSettings

_CHECK_S = 5.0
_REFUSED_PAUSE_S = 10.0
_NAME_CHARACTERS = string.ascii_lowercase + string.digits
_log = logging.getLogger(__name__)


class StandbyPool:
    """Owns when the last attempt began."""

    def __init__(  # noqa: PLR0913 - what standby Jobs are made of, and when
        self,
        cluster: Cluster,
        settings: OperatorSettings,
        config: PodConfig,
        cache: Cache,
        *,
        clock: Clock,
        holds_lease: Callable[[], bool],
    ) -> None:
        self._cluster, self._settings, self._config, self._cache = cluster, settings, config, cache
        self._clock, self._holds_lease = clock, holds_lease
        self._digests = {profile: standby_config(profile, settings, config) for profile in Profile}
        self._changed = asyncio.Event()
        self._last_attempt = time.monotonic()
        self._owner: Manifest | None = None
        cache.standby.config = self._digests
        cache.standby.on_change = self._changed.set

    def plan_applied(self, plan: Plan) -> None:
        """Take over that an attempt began, which may end a time without jobs."""
        if plan.create_job:
            self._last_attempt = time.monotonic()
            self._changed.set()

    async def run(self) -> None:
        """Never returns; what the API server refuses is logged and tried again."""
        while True:
            self._changed.clear()
            pause = await self._checked() if self._holds_lease() else _CHECK_S
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _checked(self) -> float:
        """One pass; in how many seconds the next is due at the latest."""
        try:
            return await self._once()
        except ClusterError as error:
            _log.warning("standby_pool_failed", extra={"error": str(error)})
            await asyncio.sleep(error.pause_s(_REFUSED_PAUSE_S))
            return 0.0

    async def _once(self) -> float:
        standby, now = self._cache.standby, self._clock()
        idle_for = timedelta(seconds=time.monotonic() - self._last_attempt)
        wanted = wanted_standby(self._settings, idle_for, is_none_wanted=standby.is_node_needed or standby.is_refused)
        plan = plan_standby(standby.jobs(), wanted, self._digests, now)
        for job in plan.delete:
            await self._delete(job)
        for profile in plan.create:
            await self._create(profile)
        return _CHECK_S if plan.again_at is None else min(_CHECK_S, max((plan.again_at - now).total_seconds(), 0.0))

    async def _delete(self, job: ObservedJob) -> None:
        with self._cache.standby.taking(job.name) as may_delete:
            if may_delete:
                await delete_if_present(self._cluster, paths.jobs(self._settings.namespace, job.name), job.uid)
                self._cache.jobs.drop(job.uid)
                _log.info("standby_removed", extra={"job": job.name, "failed": job.failed is not None})

    async def _create(self, profile: Profile) -> None:
        token = "".join(secrets.choice(_NAME_CHARACTERS) for _ in range(8))
        name, owner = standby_job_name(profile, token), await self._owner_reference()
        manifest = standby_job_manifest(name, profile, self._settings, self._config, owner)
        self._cache.jobs.put(await self._cluster.create(paths.jobs(self._settings.namespace), manifest))
        _log.info("standby_created", extra={"job": name})

    async def _owner_reference(self) -> Manifest | None:
        """The installation's ConfigMap, so that standby Jobs do not outlive it; None where none is named."""
        name = self._settings.standby_owner
        if self._owner is None and name is not None:
            found = await self._cluster.get(paths.core(self._settings.namespace, "configmaps", name))
            self._owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": found["metadata"]["uid"]}
        return self._owner
