"""Observes one VideoJob: the cache, and the API server for what the cache lacks."""

from dataclasses import replace

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import NotFoundError
from ecg_contract.videojob.names import VIDEOJOB_LABEL, is_on_standby_job
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.snapshot import Observed
from ecg_operator.observe.standby import IDLE


class Observer:
    """Asks the API server where a watch may lag, so that no Job is missed, or created twice."""

    def __init__(self, cache: Cache, cluster: Cluster, namespace: str) -> None:
        self._cache, self._cluster, self._namespace = cache, cluster, namespace

    async def observe(self, name: str) -> Observed | None:
        """None for a VideoJob that does not exist. Raises ClusterError."""
        observed = self._cache.observe(name)
        lost = False
        if observed is not None and _lacks_job(observed):
            lost = await self._look_for_job(observed)
            observed = self._cache.observe(name)
        if observed is not None and _lacks_pod(observed):
            await self._look_for_job(observed)
            await self._look_for_pods(name)
            observed = self._cache.observe(name)
        return replace(observed, standby_lost=True) if observed is not None and lost else observed

    async def _look_for_job(self, observed: Observed) -> bool:
        """Whether the standby Job that the attempt names is gone, another VideoJob's, or not to be had."""
        attempt = observed.videojob.status.attempt
        assert attempt is not None
        try:
            manifest = await self._cluster.get(paths.jobs(self._namespace, attempt.job_name))
        except NotFoundError:
            if job := observed.job():
                self._cache.jobs.drop(job.uid)
            return is_on_standby_job(attempt)
        owner = self._cache.jobs.put(manifest)
        can_be_taken = owner == IDLE and not self._cache.standby.is_refused
        return is_on_standby_job(attempt) and not can_be_taken and owner != observed.videojob.metadata.name

    async def _look_for_pods(self, name: str) -> None:
        selector = f"{VIDEOJOB_LABEL}={name}"
        pods, _ = await self._cluster.list(paths.core(self._namespace, "pods"), selector=selector)
        for pod in pods:
            self._cache.pods.put(pod)


def _lacks_job(observed: Observed) -> bool:
    status = observed.videojob.status
    return status.attempt is not None and status.completion_time is None and observed.job() is None


def _lacks_pod(observed: Observed) -> bool:
    job, attempt = observed.job(), observed.videojob.status.attempt
    if job is None or attempt is None or observed.pod() is not None or observed.videojob.status.completion_time:
        return False
    return bool(job.failed or job.succeeded or (attempt.pod_uid and not job.suspended))
