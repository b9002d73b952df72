"""Which standby Jobs are created and which are removed: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ecg_contract.videojob.resource import Profile
from ecg_operator.observe.snapshot import ObservedJob
from ecg_operator.settings import OperatorSettings

_REPLACED_AFTER = timedelta(seconds=60)
"""Shortest time between the creation of a Job that fails and that of the next one."""


@dataclass(frozen=True, slots=True)
class StandbyPlan:
    delete: tuple[ObservedJob, ...] = ()
    create: tuple[Profile, ...] = ()
    again_at: datetime | None = None
    """When to plan again, if nothing happens before."""


def wanted_standby(settings: OperatorSettings, idle_for: timedelta, *, is_none_wanted: bool) -> dict[Profile, int]:
    """How many pods of each profile stand by; none when no job has come for long.

    `idle_for`: since the last attempt began. `is_none_wanted`: a job waits for a node, or no pod can be given away.
    """
    limit = settings.standby_idle_s
    if is_none_wanted or (limit is not None and idle_for >= timedelta(seconds=limit)):
        return dict.fromkeys(Profile, 0)
    return {Profile.GPU: settings.standby_gpu if settings.gpu_enabled else 0, Profile.CPU: settings.standby_cpu}


def plan_standby(
    jobs: Sequence[ObservedJob], wanted: Mapping[Profile, int], config: Mapping[Profile, str], now: datetime
) -> StandbyPlan:
    """`jobs` are those that no VideoJob has taken, the oldest first; `config` is what they should be built from."""
    present = [job for job in jobs if not job.deleted]
    ended = [job for job in present if (job.failed or job.succeeded) and now >= job.created + _REPLACED_AFTER]
    outdated = [job for job in present if job.standby is None or job.config != config[job.standby]]
    kept = [job for job in present if job not in ended and job not in outdated]
    surplus = [job for profile in Profile for job in _of(kept, profile)[wanted[profile] :]]
    missing = [profile for profile in Profile for _ in range(wanted[profile] - len(_of(kept, profile)))]
    failed = [job.created + _REPLACED_AFTER for job in kept if job not in surplus and (job.failed or job.succeeded)]
    removed = tuple(dict.fromkeys([*ended, *outdated, *surplus]))
    return StandbyPlan(removed, tuple(missing), min(failed, default=None))


def _of(jobs: Sequence[ObservedJob], profile: Profile) -> list[ObservedJob]:
    return [job for job in jobs if job.standby is profile]
