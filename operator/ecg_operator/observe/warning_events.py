"""Watches Warning events of Jobs and pods: a refusal by a quota or a missing Secret is reported nowhere else."""

import asyncio
import logging
from collections.abc import Callable

from ecg_cluster import paths
from ecg_cluster.client import Cluster
from ecg_cluster.errors import ClusterError
from ecg_common.redact import redact_text
from ecg_contract.videojob.manifests import Manifest
from ecg_operator.observe.snapshot import Warning_

REASONS = ("FailedCreate", "FailedMount", "FailedAttachVolume", "FailedScheduling")
_PAUSE_S = 2.0
_FIELDS = "type=Warning"
_log = logging.getLogger(__name__)


async def watch_warnings(cluster: Cluster, namespace: str, warn: Callable[[Warning_], None]) -> None:
    """Until cancelled. A failure is logged and tried again: without these events a status only says less."""
    path = paths.core(namespace, "events")
    while True:
        try:
            listed, version = await cluster.list(path, fields=_FIELDS)
            for event in listed:
                _pass_on(event, warn)
            while True:
                async for event in cluster.watch(path, version, field=_FIELDS):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] in ("ADDED", "MODIFIED"):
                        _pass_on(event["object"], warn)
        except ClusterError as error:
            _log.info("event_watch_interrupted", extra={"error": str(error)})
            await asyncio.sleep(error.pause_s(_PAUSE_S))


def _pass_on(event: Manifest, warn: Callable[[Warning_], None]) -> None:
    about = event.get("involvedObject") or {}
    if event.get("reason") in REASONS and about.get("kind") in ("Job", "Pod"):
        warn(Warning_(str(about.get("uid", "")), str(event["reason"]), redact_text(str(event.get("message") or ""))))
