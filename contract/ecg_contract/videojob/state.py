"""The state of a VideoJob's run, read from its spec and status; pure."""

from typing import Literal

from ecg_contract.videojob.resource import ConditionType, VideoJob, VideoJobStatus

CANCELLED = "Cancelled"
"""Reason of the condition Succeeded of a run that was cancelled."""
IN_PROGRESS = "InProgress"
"""Reason of the condition Succeeded while an attempt is made."""


def terminal_state(videojob: VideoJob) -> Literal["completed", "failed"] | None:
    """How the run in the status ended; None while it goes on, and for a cancelled run.

    A run is completed from the moment when its pod has reported the stored result; the operator's conditions follow.
    """
    status = videojob.status
    if has_reported_result(status):
        return "completed"
    succeeded = status.condition(ConditionType.SUCCEEDED)
    if status.completion_time is None or succeeded is None or succeeded.reason == CANCELLED:
        return None
    return {"True": "completed", "False": "failed"}.get(succeeded.status)  # type: ignore[return-value]


def has_reported_result(status: VideoJobStatus) -> bool:
    """Whether the attempt at work has reported its result, and the operator has not written the end of the run yet.

    What is asked of the job from then on does not change how the run ends. A cancellation came later than the report:
    the API server takes no report of a cancelled run.
    """
    is_open = status.completion_time is None and is_in_progress(status)
    return is_open and status.report is not None and status.report.result is not None


def is_in_progress(status: VideoJobStatus) -> bool:
    """Whether an attempt is made; false before the first one, while suspended or queued, and after the end."""
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return succeeded is not None and succeeded.reason == IN_PROGRESS


def is_cancelled(videojob: VideoJob) -> bool:
    """Whether the run in the status was cancelled: no further callback is sent for it."""
    spec, status = videojob.spec, videojob.status
    if terminal_state(videojob) is not None:
        return False
    succeeded = status.condition(ConditionType.SUCCEEDED)
    was_cancelled = succeeded is not None and succeeded.reason == CANCELLED
    return was_cancelled or spec.cancelled_run >= (status.run or spec.run)
