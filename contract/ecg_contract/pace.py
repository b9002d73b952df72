"""Estimates when a job will be completed, from how long earlier ones took. Pure.

Exponentially weighted running means: each new job counts a tenth, so that the estimate follows a change of hardware or
models within some ten jobs.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """Running means over the jobs that succeeded."""

    seconds_per_job: float
    real_time_factor: float
    """Seconds of work for each second of media."""

    def seconds_for(self, duration_s: float | None) -> float:
        """Work on media of that length; of the mean length where it is not known."""
        return self.seconds_per_job if duration_s is None else self.real_time_factor * duration_s


def updated(pace: Pace | None, worked_s: float, duration_s: float) -> Pace | None:
    """`pace` with one more job, `worked_s` seconds of work on `duration_s` seconds of media."""
    if worked_s <= 0 or duration_s <= 0:
        return pace
    if pace is None:
        return Pace(worked_s, worked_s / duration_s)
    return Pace(
        _mean(pace.seconds_per_job, worked_s),
        _mean(pace.real_time_factor, worked_s / duration_s),
    )


def completion_of_running(pace: Pace, start: datetime, duration_s: float, now: datetime) -> datetime:
    """When a job that started at `start` will be completed; not before `now`."""
    return max(start + timedelta(seconds=pace.seconds_for(duration_s)), now)


def completion_of_queued(pace: Pace, position: int, slots: int, now: datetime) -> datetime:
    """When the job at `position` of the queue (1 is the next) will be completed, with `slots` jobs at a time."""
    rounds = math.ceil(position / slots)
    return now + timedelta(seconds=pace.seconds_per_job * (rounds + 1))


def _mean(mean: float, value: float) -> float:
    return mean + _WEIGHT * (value - mean)
