"""Removes what a finished VideoJob does not need any more: credentials, and results of attempts before the last."""

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_contract.videojob.names import ATTEMPT_LABEL, VIDEOJOB_UID_LABEL, result_secret_name, source_secret_name
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.deletion import delete_if_present
from ecg_operator.act.standby_source import StandbySource
from ecg_operator.settings import OperatorSettings


class CleanUp:
    """Owns which run of each VideoJob was cleaned up; in memory only: an operator that starts cleans up once more."""

    def __init__(self, cluster: Cluster, settings: OperatorSettings, standby_source: StandbySource) -> None:
        self._cluster, self._settings, self._standby_source = cluster, settings, standby_source
        self._done: dict[str, tuple[str, int | None]] = {}
        """By the VideoJob's name: its uid and its run."""

    async def run(self, videojob: VideoJob) -> None:
        """Once for each run. Raises ClusterError."""
        name, run = videojob.metadata.name, (videojob.metadata.uid, videojob.status.run)
        if self._done.get(name) == run:
            return
        await self._delete_secrets(videojob)
        await self._delete_other_chunks(videojob)
        self._done[name] = run

    def forget(self, name: str) -> None:
        self._done.pop(name, None)

    async def _delete_secrets(self, videojob: VideoJob) -> None:
        status, secrets = videojob.status, paths.core(self._settings.namespace, "secrets")
        if videojob.spec.source.from_secret and status.has_succeeded:
            name = source_secret_name(videojob.metadata.name, videojob.metadata.uid)
            await delete_if_present(self._cluster, f"{secrets}/{name}")
        if status.attempt is not None and self._settings.results_bucket:
            await delete_if_present(self._cluster, f"{secrets}/{result_secret_name(status.attempt.job_name)}")
        if status.attempt is not None:
            await self._standby_source.remove(videojob, status.attempt.job_name)

    async def _delete_other_chunks(self, videojob: VideoJob) -> None:
        """Result ConfigMaps that the accepted report does not refer to."""
        attempt, error = videojob.status.attempt, videojob.status.error
        if attempt is None or (attempt.number == 1 and error is None):
            return
        chunks = paths.core(self._settings.namespace, "configmaps")
        selector = f"{VIDEOJOB_UID_LABEL}={videojob.metadata.uid}"
        found, _ = await self._cluster.list(chunks, selector=selector, metadata_only=True)
        kept = None if error else str(attempt.number)
        for metadata in (chunk["metadata"] for chunk in found):
            if metadata.get("labels", {}).get(ATTEMPT_LABEL) != kept:
                await delete_if_present(self._cluster, f"{chunks}/{metadata['name']}")
