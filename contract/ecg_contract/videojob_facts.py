"""What a VideoJob says to whoever tells the backend about it: pure, the same for the operator and the front door."""

from typing import Literal

from ecg_contract.callback_record import DeliveryRecord, JobFacts
from ecg_contract.stages import reached_stages
from ecg_contract.videojob import ConditionType, VideoJob, VideoJobStatus

CANCELLED = "Cancelled"


def facts_of(videojob: VideoJob) -> JobFacts:
    """A job that somebody waits for has no callback base: its answer goes to them."""
    spec, status, report = videojob.spec, videojob.status, videojob.status.report
    run = status.run or spec.run
    callback = None if spec.interactive or spec.callback is None else spec.callback.base_url
    terminal = terminal_state(videojob)
    return JobFacts(
        uid=videojob.metadata.uid,
        job_id=spec.job_id,
        callback_base=callback,
        run=run,
        reached=reached_stages(report.stages) if report else (),
        terminal=terminal,
        cancelled=is_cancelled(videojob),
        result=report.result if report and terminal == "completed" else None,
        error_code=status.error.code if status.error else None,
        error_message=status.error.message if status.error else None,
    )


def record_of(status: VideoJobStatus) -> DeliveryRecord:
    """What was delivered in the run that the status speaks of."""
    return status.callbacks or DeliveryRecord(run=status.run or 1)


def terminal_state(videojob: VideoJob) -> Literal["completed", "failed"] | None:
    """How the run that the status speaks of ended; None while it goes on, and for a cancelled one."""
    status = videojob.status
    succeeded = status.condition(ConditionType.SUCCEEDED)
    if status.completion_time is None or succeeded is None or succeeded.reason == CANCELLED:
        return None
    return {"True": "completed", "False": "failed"}.get(succeeded.status)  # type: ignore[return-value]


def is_cancelled(videojob: VideoJob) -> bool:
    """Nothing more is sent for the run that the status speaks of."""
    spec, status = videojob.spec, videojob.status
    if terminal_state(videojob) is not None:
        return False
    succeeded = status.condition(ConditionType.SUCCEEDED)
    was_cancelled = succeeded is not None and succeeded.reason == CANCELLED
    return was_cancelled or spec.cancelled_run >= (status.run or spec.run)
