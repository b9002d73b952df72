"""The parts of a status that are derived from the rest: conditions, phase, message. Pure."""

from datetime import datetime
from typing import Literal

from ecg_callbacks.decision import callback_view
from ecg_callbacks.videojob_facts import facts_of, record_of
from ecg_common.redact import redact_text
from ecg_contract.videojob.resource import Condition, ConditionType, Phase, VideoJob, VideoJobStatus

Holds = Literal["True", "False", "Unknown"]

SUSPENDED = "Suspended"
_CALLBACK_CONDITION: dict[str, tuple[Holds, str]] = {
    "delivered": ("True", "Delivered"),
    "rejected": ("False", "Rejected"),
    "undelivered": ("False", "Undelivered"),
    "retrying": ("Unknown", "Retrying"),
    "pending": ("Unknown", "Pending"),
    "disabled": ("Unknown", "Disabled"),
}


def with_condition(  # noqa: PLR0913, PLR0917 - the fields of a condition
    status: VideoJobStatus, kind: ConditionType, holds: Holds, reason: str, message: str, now: datetime
) -> VideoJobStatus:
    """`status` with one condition replaced; its transition time is kept while `holds` is the same."""
    old = status.condition(kind)
    since = old.last_transition_time if old and old.status == holds else now
    new = Condition(type=kind, status=holds, reason=reason, message=message, last_transition_time=since)
    kept = [condition for condition in status.conditions if condition.type is not kind]
    in_order = sorted([*kept, new], key=lambda condition: list(ConditionType).index(condition.type))
    return status.model_copy(update={"conditions": tuple(in_order)})


def derived(videojob: VideoJob, status: VideoJobStatus, now: datetime) -> VideoJobStatus:
    """`status` with all derived parts brought up to date."""
    view = callback_view(record_of(status), facts_of(videojob.model_copy(update={"status": status})))
    holds, reason = _CALLBACK_CONDITION[view.state]
    status = with_condition(status, ConditionType.CALLBACK_DELIVERED, holds, reason, view.last_error or "", now)
    generation = videojob.metadata.generation
    conditions = tuple(c.model_copy(update={"observed_generation": generation}) for c in status.conditions)
    return status.model_copy(
        update={
            "conditions": conditions,
            "observed_generation": generation,
            "phase": phase(status),
            "message": _message(status),
            "callback": view.state,
        }
    )


def phase(status: VideoJobStatus) -> Phase:
    succeeded = status.condition(ConditionType.SUCCEEDED)
    if succeeded is not None and succeeded.status != "Unknown":
        return Phase.SUCCEEDED if succeeded.status == "True" else Phase.FAILED
    if succeeded is not None and succeeded.reason == SUSPENDED:
        return Phase.SUSPENDED
    return Phase.RUNNING if status.attempt and status.attempt.start_time else Phase.PENDING


def _message(status: VideoJobStatus) -> str | None:
    if status.error is not None:
        return status.error.message
    if status.report is not None and status.report.message:
        return redact_text(status.report.message)
    scheduled = status.condition(ConditionType.SCHEDULED)
    return scheduled.message if scheduled and scheduled.message else None
