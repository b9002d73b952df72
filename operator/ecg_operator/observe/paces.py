"""The running means of how long jobs took, by profile, from the finished VideoJobs that the watch has brought."""

from collections.abc import MutableMapping
from datetime import datetime

from ecg_contract.pace import Pace, updated
from ecg_contract.videojob.manifests import Manifest


def count_finished(manifest: Manifest, paces: MutableMapping[str, Pace]) -> None:
    """Count a VideoJob whose run has ended, if it succeeded."""
    status = manifest.get("status") or {}
    attempt, result = status.get("attempt") or {}, (status.get("pipeline") or {}).get("result")
    if not result or "error" in status or "profile" not in attempt:
        return
    profile = attempt["profile"]
    pace = updated(paces.get(profile), _worked_s(status), float(result.get("duration", 0)))
    if pace is not None:
        paces[profile] = pace


def _worked_s(status: Manifest) -> float:
    """Of the last attempt: what earlier ones took says nothing about the next job."""
    started, ended = (status.get("attempt") or {}).get("startTime"), status.get("completionTime")
    if not started or not ended:
        return 0.0
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
