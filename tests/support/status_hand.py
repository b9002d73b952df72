"""Writes VideoJobs' statuses as operator and pod would, without either."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ecg_api.kubernetes.job_index import JobIndex
from ecg_api.kubernetes.store import VideoJobStore
from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.result_chunks import CHUNK_KEY, ConfigMapLocation, compressed
from ecg_contract.delivery_record import DeliveryRecord, Settled
from ecg_contract.host_protocol import PipelineError, ResultReference
from ecg_contract.videojob.names import videojob_name
from ecg_contract.videojob.resource import PodReport, VideoJob, VideoJobStatus
from ecg_dev.waiting import wait_until_async
from ecg_operator.decide.attempts import first_attempt
from ecg_operator.decide.conditions import derived
from ecg_operator.decide.run_end import finished
from ecg_operator.settings import OperatorSettings
from support.store_hand import BROKEN, RESULT, Outcome, one_try

Change = Callable[[VideoJob], VideoJobStatus]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class StatusHand:
    """`support.store_contract.Hand` on a real API server."""

    store: VideoJobStore
    cluster: Cluster
    namespace: str
    index: JobIndex | None = None
    """Of the store, which lists what a watch has brought."""

    async def begin(self, job_id: str) -> None:
        await self._write(job_id, self._begun)

    async def complete(self, job_id: str) -> None:
        await self.begin(job_id)
        result = await self._store(RESULT)
        await self._write(job_id, lambda videojob: _completed(videojob, result))

    async def fail(self, job_id: str) -> None:
        await self.begin(job_id)
        error = PipelineError(code=BROKEN.code, message=BROKEN.message)
        await self._write(job_id, lambda vj: finished(vj, vj.status, error, error.code.value, _now()))

    async def settle(self, job_id: str, outcome: Outcome) -> None:
        def settled(videojob: VideoJob) -> VideoJobStatus:
            end = Settled(outcome=outcome, time=_now(), tries=1)
            record = DeliveryRecord(run=videojob.spec.run, settled=100, terminal=end, tries=(one_try(outcome),))
            return videojob.status.model_copy(update={"callbacks": record})

        await self._write(job_id, settled)

    def _begun(self, videojob: VideoJob) -> VideoJobStatus:
        """The status with a first attempt, unless this run has one."""
        if videojob.status.run == videojob.spec.run:
            return videojob.status
        status = first_attempt(videojob, OperatorSettings(namespace=self.namespace, pipeline_image="none"), _now())
        assert status.attempt is not None
        attempt = status.attempt.model_copy(update={"pod_uid": secrets.token_hex(16), "start_time": _now()})
        return status.model_copy(update={"attempt": attempt, "start_time": attempt.start_time})

    async def _write(self, job_id: str, change: Change) -> None:
        path = paths.videojobs(self.namespace, videojob_name(job_id))
        videojob = VideoJob.from_manifest(await self.cluster.get(path))
        status = derived(videojob, change(videojob), _now())
        manifest = videojob.model_copy(update={"status": status}).to_manifest()
        metadata = {"name": videojob.metadata.name, "resourceVersion": videojob.metadata.resource_version}
        written = (await self.cluster.replace(f"{path}/status", {**manifest, "metadata": metadata}))["metadata"]
        if (index := self.index) is not None:
            await wait_until_async(lambda: index.version_of(written["uid"]) >= int(written["resourceVersion"]), 10)

    async def _store(self, data: bytes) -> ResultReference:
        pieces = compressed(data)
        location = ConfigMapLocation(f"pod-{secrets.token_hex(4)}-result-", len(pieces))
        for name, piece in zip(location.names, pieces, strict=True):
            manifest = {"metadata": {"name": name}, "binaryData": {CHUNK_KEY: base64.b64encode(piece).decode()}}
            await self.cluster.create(paths.core(self.namespace, "configmaps"), manifest)
        return ResultReference(
            location=str(location), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), segments=0, words=0,
            speakers=0, language="ko", duration=1.0, processing_time=1.0,
        )  # fmt: skip


def _completed(videojob: VideoJob, result: ResultReference) -> VideoJobStatus:
    attempt = videojob.status.attempt
    assert attempt is not None
    report = PodReport(attempt=attempt.number, pod_uid=attempt.pod_uid or "", result=result)
    status = finished(videojob, videojob.status, None, "Succeeded", _now())
    return status.model_copy(update={"pipeline": report})
