"""Stores the result in immutable ConfigMaps that the VideoJob owns."""

import base64
import json
import logging
from collections.abc import Callable

from ecg_cluster.pod_client import Answer, ApiServer
from ecg_cluster.result_chunks import CHUNK_KEY, ConfigMapLocation, compressed
from ecg_contract.errors import ErrorCode, TransientError
from ecg_contract.host_protocol import PipelineJob
from ecg_contract.videojob.manifests import Manifest, owned_metadata
from ecg_contract.videojob.names import result_chunk_prefix
from ecg_contract.videojob.pod_task import PodTask
from ecg_pipeline.hosts.pod.retry import Verdict, with_retries
from ecg_pipeline.hosts.pod.settings import PodSettings

_log = logging.getLogger(__name__)


class ConfigMapSink:
    """`stop` is called, and does not return, when this attempt is no longer the current one."""

    def __init__(self, server: ApiServer, pod: PodSettings, task: PodTask, stop: Callable[[], None]) -> None:
        self._server, self._pod, self._task, self._stop = server, pod, task, stop

    def store(self, job: PipelineJob, data: bytes) -> str:
        """Raises TransientError when the API server does not take it in time."""
        pieces = compressed(data)
        location = ConfigMapLocation(result_chunk_prefix(self._pod.pod_name), len(pieces))
        for name, piece in zip(location.names, pieces, strict=True):
            self._create(self._manifest(job, name, piece))
        _log.info("result_stored", extra={"config_maps": len(pieces), "result_bytes": len(data)})
        return str(location)

    def _create(self, manifest: Manifest) -> None:
        def ask() -> Answer:
            answer = self._server.create_config_map(manifest)
            # Only this pod uses the name: an earlier try created it, and its answer was lost.
            return Answer(200) if answer.status == 409 and "AlreadyExists" in answer.text else answer

        found, answer = with_retries(ask, self._pod.report_patience_s)
        if found is Verdict.STOP:
            self._stop()
        if found is not Verdict.ACCEPTED:
            raise TransientError(
                ErrorCode.PROCESSING_ERROR,
                f"the result could not be stored in a ConfigMap (HTTP {answer.status}): {_reason(answer)}",
            )

    def _manifest(self, job: PipelineJob, name: str, piece: bytes) -> Manifest:
        task = self._task
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": owned_metadata(name, task.videojob_name, task.videojob_uid, job.attempt),
            "immutable": True,
            "binaryData": {CHUNK_KEY: base64.b64encode(piece).decode()},
        }


def _reason(answer: Answer) -> str:
    """The end of the API server's message, where a policy's own words are."""
    try:
        message = str(json.loads(answer.text)["message"])
    except (ValueError, KeyError, TypeError):
        message = answer.text
    return message[-300:]
