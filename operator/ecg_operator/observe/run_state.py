"""Whether a VideoJob's run waits, is at work, or needs nothing; read from the raw object, as each event asks for it."""

from enum import Enum, auto

from ecg_contract.videojob.manifests import Manifest
from ecg_contract.videojob.state import IN_PROGRESS


class RunState(Enum):
    WAITING = auto()
    """It needs a slot for its next attempt."""
    AT_WORK = auto()
    """An attempt is made, also between two of them."""
    IDLE = auto()
    """Finished, cancelled, suspended or being deleted."""


def run_state(manifest: Manifest) -> RunState:
    spec, status = manifest["spec"], manifest.get("status") or {}
    run = spec.get("run", 1)
    is_finished = status.get("run") == run and "completionTime" in status
    if is_finished or spec.get("cancelledRun", 0) >= run or manifest["metadata"].get("deletionTimestamp"):
        return RunState.IDLE
    if (status.get("attempt") or {}).get("run") == run and _succeeded_reason(status) == IN_PROGRESS:
        return RunState.AT_WORK
    return RunState.IDLE if spec.get("suspend") else RunState.WAITING


def _succeeded_reason(status: Manifest) -> str | None:
    return next((c["reason"] for c in status.get("conditions") or [] if c["type"] == "Succeeded"), None)
