"""What is to be done about a VideoJob: returned by `reconcile`, carried out by `Applier.apply`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ecg_contract.videojob.resource import VideoJobStatus
from ecg_operator.observe.snapshot import ObservedJob


@dataclass(frozen=True, slots=True)
class Note:
    """A step of a job: logged, counted, and created as a Kubernetes Event on the VideoJob."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    is_event: bool = True
    """False for the ordinary steps, which the conditions tell."""


@dataclass(frozen=True, slots=True)
class Plan:
    """First the status is written, then the rest is done, in this order of fields."""

    status: VideoJobStatus
    """As it should be; written where it differs from the present one."""
    delete_jobs: tuple[ObservedJob, ...] = ()
    create_job: bool = False
    """The Job of `status.attempt`."""
    status_may_wait: bool = False
    """The Job is created before the status is written: it is the VideoJob's first, there is no pod to be fenced."""
    clean_up: bool = False
    """Remove what a finished job does not need any more."""
    delete_videojob: bool = False
    notes: tuple[Note, ...] = ()
    again_at: datetime | None = None
    """When to reconcile again, if nothing happens before."""

    @property
    def acts(self) -> bool:
        return bool(self.delete_jobs) or self.create_job or self.delete_videojob
