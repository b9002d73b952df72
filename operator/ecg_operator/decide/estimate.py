"""When a job will probably be completed: pure."""

from datetime import datetime

from ecg_contract.pace import completion_of_queued, completion_of_running
from ecg_contract.videojob.resource import VideoJobStatus
from ecg_operator.decide.attempts import first_profile
from ecg_operator.observe.snapshot import Observed
from ecg_operator.settings import OperatorSettings


def with_estimate(
    observed: Observed, status: VideoJobStatus, settings: OperatorSettings, now: datetime
) -> VideoJobStatus:
    """`status` with a new estimate, where something else in it changed: an estimate alone is not worth a write."""
    if status == observed.videojob.status or not observed.paces:
        return status
    return status.model_copy(update={"estimated_completion_time": _estimate(observed, status, settings, now)})


def _estimate(observed: Observed, status: VideoJobStatus, settings: OperatorSettings, now: datetime) -> datetime | None:
    """None for a run that has ended, and for media of unknown length."""
    if status.completion_time is not None:
        return None
    if status.queue is not None:
        pace = observed.paces.get(first_profile(observed.videojob, settings))
        position, slots = status.queue.position, settings.max_active_jobs
        return completion_of_queued(pace, position, slots, now) if pace and slots else None
    attempt, report = status.attempt, status.report
    pace = observed.paces.get(attempt.profile) if attempt else None
    if pace is None or attempt is None or attempt.start_time is None or report is None or report.duration is None:
        return None
    return completion_of_running(pace, attempt.start_time, report.duration, now)
