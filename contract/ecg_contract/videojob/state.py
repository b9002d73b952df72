"""The state of a VideoJob's run, read from its spec and status; pure."""

from typing import Literal

from ecg_contract.videojob.resource import ConditionType, VideoJob

CANCELLED = "Cancelled"


def terminal_state(videojob: VideoJob) -> Literal["completed", "failed"] | None:
    """How the run in the status ended; None while it goes on, and for a cancelled run."""
    status = videojob.status
    succeeded = status.condition(ConditionType.SUCCEEDED)
    if status.completion_time is None or succeeded is None or succeeded.reason == CANCELLED:
        return None
    return {"True": "completed", "False": "failed"}.get(succeeded.status)  # type: ignore[return-value]


def is_cancelled(videojob: VideoJob) -> bool:
    """Whether the run in the status was cancelled: no further callback is sent for it."""
    spec, status = videojob.spec, videojob.status
    if terminal_state(videojob) is not None:
        return False
    succeeded = status.condition(ConditionType.SUCCEEDED)
    was_cancelled = succeeded is not None and succeeded.reason == CANCELLED
    return was_cancelled or spec.cancelled_run >= (status.run or spec.run)
