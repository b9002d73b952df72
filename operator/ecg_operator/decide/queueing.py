"""A VideoJob that waits for a slot, without a Job: its place is shown, and it fails at its own limit alone. Pure."""

from datetime import datetime

from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.videojob.resource import ConditionType, QueuePlace, VideoJob, VideoJobStatus
from ecg_operator.decide.attempts import fresh_run, unassigned
from ecg_operator.decide.conditions import with_condition
from ecg_operator.decide.plan import Plan
from ecg_operator.decide.run_end import end_run
from ecg_operator.observe.job_queue import EXACT_PLACES, Place
from ecg_operator.observe.snapshot import Observed
from ecg_operator.settings import OperatorSettings, seconds

QUEUED = "Queued"
_LEAST_CHANGE = 0.2
"""Share by which a place behind the exact ones has to change to be written again."""


def wait_in_queue(observed: Observed, place: Place, settings: OperatorSettings, now: datetime) -> Plan:
    status = queued(observed.videojob, place, now)
    assert status.queue is not None
    limit = queue_limit(observed.videojob, settings, status.queue.queued_time)
    if limit is not None and now >= limit:
        error = waited_too_long(f"{QUEUED}: {_message(place.position)}")
        return end_run(observed, error, error.code.value, now)
    return Plan(status, delete_jobs=observed.active_jobs(), again_at=limit)


def queued(videojob: VideoJob, place: Place, now: datetime) -> VideoJobStatus:
    status = videojob.status
    if status.run != videojob.spec.run:
        status = fresh_run(videojob)
    old = status.queue
    position = old.position if old and _is_near(old.position, place.position) else place.position
    queue = QueuePlace(position=position, sequence=place.sequence, queued_time=old.queued_time if old else now)
    attempt = status.attempt and unassigned(status.attempt)
    status = status.model_copy(update={"queue": queue, "attempt": attempt})
    message = _message(position)
    status = with_condition(status, ConditionType.SUCCEEDED, "Unknown", QUEUED, message, now)
    return with_condition(status, ConditionType.SCHEDULED, "False", QUEUED, message, now)


def queue_limit(videojob: VideoJob, settings: OperatorSettings, since: datetime) -> datetime | None:
    """When the job's wait for capacity fails it; None for never."""
    limit = videojob.spec.queue_limit_seconds or settings.queue_limit_seconds
    return since + seconds(limit) if limit else None


def waited_too_long(reason: str) -> PipelineError:
    return PipelineError(code=ErrorCode.PROCESSING_ERROR, message=f"처리를 시작할 수 없습니다 ({reason})")


def _message(position: int) -> str:
    return f"waits for a slot, place {position} in the queue"


def _is_near(shown: int, position: int) -> bool:
    return position > EXACT_PLACES and abs(shown - position) < _LEAST_CHANGE * shown
