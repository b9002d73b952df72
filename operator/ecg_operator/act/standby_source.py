"""Brings a URL with a credential to a standby pod.

Its Secret is named after the VideoJob, which nobody knew when the pod began. The pod has mounted a Secret that need not
exist, named after its Job: that becomes a copy. The kubelet brings it with the task.
"""

import asyncio
from dataclasses import dataclass

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import AlreadyExistsError, ClusterError
from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.names import is_standby_job, source_secret_name, standby_source_secret_name
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.deletion import delete_if_present
from ecg_operator.act.manifests import standby_source_manifest
from ecg_operator.settings import OperatorSettings

_PAUSES_S = (0.05, 0.1, 0.2, 0.4)
"""The API writes the Secret right after the VideoJob."""
_UNREADABLE = (403, 404)


@dataclass(frozen=True)
class StandbySource:
    """Reads and writes Secrets."""

    cluster: Cluster
    settings: OperatorSettings

    async def is_there(self, videojob: VideoJob) -> bool:
        """Whether there is what a standby pod has to be brought, and it may be read; waits a moment for it.

        Raises ClusterError.
        """
        if not videojob.spec.source.from_secret:
            return True
        for pause_s in (*_PAUSES_S, None):
            try:
                await self._read(videojob)
            except ClusterError as error:
                if error.status not in _UNREADABLE:
                    raise
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
            else:
                return True
        return False

    async def bring(self, videojob: VideoJob) -> None:
        """May be repeated. Raises ClusterError."""
        if not videojob.spec.source.from_secret:
            return
        copy = standby_source_manifest(videojob, await self._read(videojob))
        secrets = paths.core(self.settings.namespace, "secrets")
        try:
            await self.cluster.create(secrets, copy)
        except AlreadyExistsError:
            await self.cluster.replace(f"{secrets}/{copy['metadata']['name']}", copy)

    async def remove(self, videojob: VideoJob, job: str) -> None:
        """What was brought to a Job that has ended. Raises ClusterError."""
        if videojob.spec.source.from_secret and is_standby_job(job):
            name = standby_source_secret_name(job)
            await delete_if_present(self.cluster, f"{paths.core(self.settings.namespace, 'secrets')}/{name}")

    async def _read(self, videojob: VideoJob) -> Manifest:
        name = source_secret_name(videojob.metadata.name, videojob.metadata.uid)
        return await self.cluster.get(f"{paths.core(self.settings.namespace, 'secrets')}/{name}")
