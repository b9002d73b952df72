"""Delays a status write that only people would notice, so that it goes out together with another one."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ecg_contract.videojob.resource import ConditionType, VideoJob, VideoJobStatus
from ecg_operator.decide.plan import Plan

_LONGEST_DELAY = timedelta(seconds=3)


class WriteDelay:
    """Owns since when the write of each VideoJob is delayed; in memory only: forgotten, the delay begins again."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._since: dict[str, datetime] = {}

    def seconds_left(self, videojob: VideoJob, plan: Plan) -> float:
        """How long the plan may still wait; 0 when it should be carried out now."""
        name, now = videojob.metadata.name, self._clock()
        if plan.acts or plan.status == videojob.status or not is_for_people(videojob.status, plan.status):
            self.forget(name)
            return 0.0
        left = self._since.setdefault(name, now) + _LONGEST_DELAY - now
        if left <= timedelta(0):
            self.forget(name)
        return max(left.total_seconds(), 0.0)

    def forget(self, name: str) -> None:
        self._since.pop(name, None)


def is_for_people(before: VideoJobStatus, after: VideoJobStatus) -> bool:
    """Whether the two differ in nothing that a program waits for: only in texts and times."""
    return _for_programs(before) == _for_programs(after)


def _for_programs(status: VideoJobStatus) -> tuple[object, ...]:
    attempt, scheduled = status.attempt, status.condition(ConditionType.SCHEDULED)
    succeeded = status.condition(ConditionType.SUCCEEDED)
    return (
        status.run,
        status.completion_time,
        status.observed_redelivery,
        status.callbacks,
        attempt and (attempt.number, attempt.pod_uid, attempt.stuck_since is None),
        scheduled and scheduled.status,
        succeeded and (succeeded.status, succeeded.reason),
    )
