"""Converts a VideoJob into the facts and the record of its callbacks. Pure."""

from ecg_callbacks.types import JobFacts
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.stages import reached_stages
from ecg_contract.videojob.resource import VideoJob, VideoJobStatus
from ecg_contract.videojob.state import is_cancelled, terminal_state


def facts_of(videojob: VideoJob) -> JobFacts:
    """An interactive job has no callback base: its result is the answer to the request."""
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
        traceparent=spec.traceparent,
    )


def record_of(status: VideoJobStatus) -> DeliveryRecord:
    """The delivery record of the run in `status`."""
    return status.callbacks or DeliveryRecord(run=status.run or 1)
