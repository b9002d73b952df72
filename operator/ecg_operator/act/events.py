"""Kubernetes Events on VideoJobs, for `kubectl describe`; an Event that cannot be created is only logged."""

import logging
import time
from typing import Any

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_common.clock import rfc3339, utc_now
from ecg_common.redact import redact_text
from ecg_contract.videojob.resource import API_VERSION, KIND, VideoJob
from ecg_operator.decide.plan import Note

_COMPONENT = "ecg-operator"
_MESSAGE_LENGTH = 1000
_log = logging.getLogger(__name__)


class EventRecorder:
    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    async def record(self, videojob: VideoJob, note: Note) -> None:
        try:
            await self._cluster.create(paths.core(self._namespace, "events"), event_manifest(videojob, note))
        except ClusterError as error:
            _log.warning("event_not_created", extra={"job_id": videojob.spec.job_id, "error": str(error)})


def event_manifest(videojob: VideoJob, note: Note) -> dict[str, Any]:
    now = rfc3339(utc_now())
    metadata = videojob.metadata
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata.name}.{time.time_ns():x}"},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
        },
        "type": note.type,
        "reason": note.reason,
        "message": redact_text(note.message)[:_MESSAGE_LENGTH],
        "source": {"component": _COMPONENT},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
