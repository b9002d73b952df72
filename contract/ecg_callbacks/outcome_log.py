"""Logs the outcome of each try of a callback."""

from typing import Any

from ecg_callbacks.sender import Delivered, Outcome
from ecg_callbacks.target import origin_of
from ecg_callbacks.types import Due, Failure, JobFacts
from ecg_common.logs import job_logger
from ecg_contract.delivery_record import DeliveryRecord


def log_outcome(facts: JobFacts, due: Due, outcome: Outcome, after: DeliveryRecord) -> None:
    """`after` is the record that the outcome led to."""
    log = job_logger(__name__, facts.job_id, facts.traceparent)
    details: dict[str, Any] = {
        "status": due.status,
        "progress": due.progress,
        "webhook_id": due.webhook_id,
        "backend": origin_of(facts.callback_base or ""),
        "http_status": outcome.http_status,
    }
    if isinstance(outcome, Delivered):
        log.info("callback_delivered", extra=details)
        return
    event, later = _event(outcome, due, after)
    level = log.error if due.is_terminal and after.terminal else log.warning
    level(event, extra={**details, "error": outcome.error, **later})


def _event(failure: Failure, due: Due, after: DeliveryRecord) -> tuple[str, dict[str, Any]]:
    if due.is_terminal and after.terminal is not None:
        return f"callback_{after.terminal.outcome}", {"tries": after.terminal.tries}
    if after.in_hand is not None:
        next_try = after.in_hand.next_try.isoformat(timespec="seconds")
        return "callback_failed", {"tries": after.in_hand.tries, "next_try": next_try}
    return "callback_given_up", {"final": failure.is_final}
