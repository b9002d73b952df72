"""Gives a standby pod to a VideoJob whose status names it already: its URL, the pod's task, then the Job's new owner.

Each step may be repeated, by an operator that starts after a crash. The status came before both, so that the pod's
first report is taken. The pod's step comes before the Job's: while the Job is nobody's, its pod is not looked for, and
cannot be missed.
"""

import contextlib
import logging
import math
from dataclasses import dataclass

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError, NotFoundError
from ecg_common.clock import Clock
from ecg_common.logs import job_logger
from ecg_contract.videojob.manifests import Manifest, labels
from ecg_contract.videojob.names import TASK_ANNOTATION, VIDEOJOB_LABEL
from ecg_contract.videojob.resource import VideoJob
from ecg_operator.act.manifests import deadline_s, job_metadata, pod_task
from ecg_operator.act.outdated import OutdatedError
from ecg_operator.act.pod_config import PodConfig
from ecg_operator.act.standby_source import StandbySource
from ecg_operator.observe.cache import Cache
from ecg_operator.observe.snapshot import observed_job
from ecg_operator.observe.standby import IDLE
from ecg_operator.settings import OperatorSettings

_REFUSALS = (403, 422)
"""A missing right, a policy; 422 is also the answer to a `test` that fails."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StandbyTaker:
    """Writes to the API server."""

    source: StandbySource
    cluster: Cluster
    settings: OperatorSettings
    config: PodConfig
    cache: Cache
    clock: Clock

    async def take(self, videojob: VideoJob, result_location: str | None) -> None:
        """Raises OutdatedError where the pod or the Job became another VideoJob's, the Job is gone, or the API server
        refuses, and ClusterError for what should be tried again."""
        attempt = videojob.status.attempt
        assert attempt is not None
        assert attempt.pod_name is not None
        await self.source.bring(videojob)
        task = pod_task(videojob, result_location).to_json()
        annotation = {"op": "replace", "path": _pointer("annotations", TASK_ANNOTATION), "value": task}
        pod_path = paths.core(self.settings.namespace, "pods", attempt.pod_name)
        with contextlib.suppress(NotFoundError):  # the Job tells the next pass that its pod is gone
            self.cache.pods.put(await self._change(pod_path, videojob, [annotation]))
        try:
            await self._take_job(videojob, paths.jobs(self.settings.namespace, attempt.job_name))
        except NotFoundError as error:
            raise OutdatedError from error
        job_logger(__name__, videojob.spec.job_id, videojob.spec.traceparent).info(
            "standby_taken", extra={"job": attempt.job_name}
        )

    async def _take_job(self, videojob: VideoJob, path: str) -> None:
        created = observed_job(await self.cluster.get(path)).created
        stood_by_s = math.ceil((self.clock() - created).total_seconds())
        metadata = job_metadata(videojob, self.config)
        owner = {"op": "add", "path": "/metadata/ownerReferences", "value": metadata["ownerReferences"]}
        limit = {
            "op": "add",
            "path": "/spec/activeDeadlineSeconds",
            "value": stood_by_s + deadline_s(videojob, self.settings),
        }
        self.cache.jobs.put(await self._change(path, videojob, [owner, limit]))

    async def _change(self, path: str, videojob: VideoJob, operations: list[Manifest]) -> Manifest:
        """The object with the VideoJob's labels and changed by `operations`, or as it is where that was done before."""
        attempt = videojob.status.attempt
        assert attempt is not None
        wanted = labels(videojob.metadata.name, videojob.metadata.uid, attempt.number)
        free = {"op": "test", "path": _pointer("labels", VIDEOJOB_LABEL), "value": IDLE}
        labelled = [{"op": "add", "path": _pointer("labels", name), "value": value} for name, value in wanted.items()]
        try:
            return await self.cluster.json_patch(path, [free, *labelled, *operations])
        except ClusterError as error:
            if error.status not in _REFUSALS:
                raise
            manifest = await self.cluster.get(path)
            if manifest["metadata"]["labels"].get(VIDEOJOB_LABEL) == IDLE:
                _log.error("standby_refused", extra={"error": str(error)})
                self.cache.standby.refuse()
                raise OutdatedError from error
            if manifest["metadata"]["labels"] | wanted != manifest["metadata"]["labels"]:
                raise OutdatedError from error
            return manifest


def _pointer(field: str, name: str) -> str:
    """A JSON Pointer (RFC 6901) into the metadata."""
    return f"/metadata/{field}/{name.replace('/', '~1')}"
