"""Decides which callback of a job is sent next, from its recorded state alone. Pure.

The order of calls around one try:

    next_callback -> Due        from the record and the job's state
    started       -> recorded   before the try, where it skips earlier callbacks
    (the try)
    acknowledged or failed_try  recorded before the next decision

After a crash at any point the same decision follows, with the same `webhook-id`. Within a run progress strictly
increases; all seven callbacks are sent in order as long as the backend answers. A progress callback that failed is
tried again before a newer one is sent, and given up after its last try. What is left of progress when the job ends may
hold up the terminal callback for seconds, and is given up then. Nothing follows a settled terminal callback.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from ecg_callbacks import schedule
from ecg_callbacks.types import Decision, Due, Failure, JobFacts, Nothing, WaitUntil
from ecg_contract.base_model import in_plain_text
from ecg_contract.delivery_record import ERROR_LENGTH, TRIES, CallbackTry, DeliveryRecord, Settled
from ecg_contract.stages import Stage
from ecg_contract.wire.models import CallbackStatus
from ecg_contract.wire.status import CallbackView

_PROGRESS_STAGES = tuple(stage for stage in Stage if stage is not Stage.COMPLETED)
_LAST = Stage.COMPLETED.progress


def next_callback(record: DeliveryRecord, facts: JobFacts, now: datetime) -> Decision:
    """The callback to send now, or when to decide again."""
    record = _of_run(record, facts.run)
    if facts.callback_base is None or facts.cancelled or record.terminal is not None:
        return Nothing()
    progress = _progress(record, facts, now)
    if progress is not None:
        held = _held_until(record, progress, now)
        if progress.until is None or (held.time if held else now) < progress.until:
            return held or progress
    if facts.terminal is None:
        return Nothing()
    due = _terminal(record, facts, now)
    return _held_until(record, due, now) or due


def early_callback(record: DeliveryRecord, facts: JobFacts, now: datetime) -> Due | None:
    """The terminal callback that waits for its next try, to be sent ahead of schedule; None where none waits.

    Used when its origin may answer again. Retry-After is honoured.
    """
    waiting = record.in_hand is not None and record.in_hand.is_terminal
    if not waiting or not isinstance(next_callback(record, facts, now), WaitUntil):
        return None
    if record.not_before is not None and record.not_before > now:
        return None
    return _terminal(record, facts, now, early=True)


def due_at(record: DeliveryRecord, facts: JobFacts, now: datetime) -> datetime | None:
    """When the next callback may be sent (`now` for at once); None while nothing is to be sent."""
    match next_callback(record, facts, now):
        case Due():
            return now
        case WaitUntil(time):
            return time
        case _:
            return None


def started(record: DeliveryRecord, due: Due) -> DeliveryRecord:
    """The record before a try: earlier callbacks that it skips are given up, so that none follows after a crash."""
    record = _of_run(record, due.run)
    if _is_stale(record, due):
        return record
    settled = max(record.settled, due.backlog if due.is_terminal else _below(due.progress))
    in_hand = record.in_hand
    if in_hand is not None and (in_hand.status, in_hand.progress) != (due.status, due.progress):
        in_hand = None
    return record.model_copy(update={"settled": settled, "in_hand": in_hand})


def acknowledged(record: DeliveryRecord, due: Due, now: datetime) -> DeliveryRecord:
    """The record after a 2xx."""
    record = _tried(record, due, now)
    if _is_stale(record, due):
        return record
    reached = max(record.acknowledged, due.progress or 0)
    done: dict[str, object] = {"acknowledged": reached, "in_hand": None, "not_before": None}
    if not due.is_terminal:
        return record.model_copy(update=done | {"settled": max(record.settled, reached)})
    tries = record.in_hand.tries + 1 if record.in_hand else 1
    return _settled(record.model_copy(update=done), Settled(outcome="delivered", time=now, tries=tries))


def failed_try(
    record: DeliveryRecord, due: Due, now: datetime, failure: Failure, random: Callable[[], float]
) -> DeliveryRecord:
    """The record after a try that was not acknowledged; `random` gives floats in [0, 1)."""
    record = _tried(record, due, now)
    if _is_stale(record, due):
        return record
    failure = Failure(in_plain_text(failure.error)[:ERROR_LENGTH], failure.http_status, failure.retry_after)
    if failure.retry_after is not None:
        record = record.model_copy(update={"not_before": now + schedule.bounded(failure.retry_after)})
    if due.early and record.in_hand is not None and not failure.is_final:
        return record.model_copy(update={"in_hand": record.in_hand.model_copy(update={"last_error": failure.error})})
    in_hand = schedule.next_try(due, record.in_hand, failure, now, random)
    if in_hand is not None:
        if due.until is not None:
            record = _held_up(record, timedelta(seconds=record.catch_up_seconds) + (in_hand.next_try - now))
        return record.model_copy(update={"in_hand": in_hand})
    if due.is_terminal:
        return _settled(record, _ending(record, failure, now))
    return record.model_copy(update={"settled": max(record.settled, due.progress or 0), "in_hand": None})


def remembered(
    record: DeliveryRecord, due: Due, now: datetime, http_status: int | None, error: str | None
) -> DeliveryRecord:
    """The record with one more try in its log, unless its run is over."""
    if due.run != record.run:
        return record
    one = CallbackTry(time=now, status=due.status, progress=due.progress, http_status=http_status, error=error)
    return record.model_copy(update={"tries": (*record.tries, one)[-TRIES:]})


def redeliver(record: DeliveryRecord, now: datetime) -> DeliveryRecord:
    """The record to send the terminal callback again, at once and under the same `webhook-id`."""
    if record.terminal is not None:
        return record.model_copy(update={"terminal": None, "in_hand": None, "redelivery": record.redelivery + 1})
    if record.in_hand is None:
        return record
    in_hand = record.in_hand.model_copy(update={"next_try": now, "first_try": now, "tries": 0})
    return record.model_copy(update={"in_hand": in_hand, "not_before": None})


def callback_view(record: DeliveryRecord, facts: JobFacts) -> CallbackView:
    """The state of the delivery, for `GET /jobs/{job_id}`."""
    record = _of_run(record, facts.run)
    if record.terminal is not None:
        end = record.terminal
        return CallbackView(
            state=end.outcome, delivered_progress=record.acknowledged, tries=end.tries, last_error=end.last_error
        )
    if facts.callback_base is None or facts.cancelled:
        return CallbackView(state="disabled", delivered_progress=record.acknowledged)
    if record.in_hand is None:
        return CallbackView(state="pending", delivered_progress=record.acknowledged)
    return CallbackView(
        state="retrying",
        delivered_progress=record.acknowledged,
        tries=record.in_hand.tries,
        next_try=record.in_hand.next_try,
        last_error=record.in_hand.last_error,
    )


def webhook_id(uid: str, run: int, status: CallbackStatus, progress: int | None) -> str:
    """The id of a callback, the same for every try and redelivery, by which a receiver recognises a repetition."""
    parts: list[object] = [uid, run, status, progress]
    return "msg_" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _of_run(record: DeliveryRecord, run: int) -> DeliveryRecord:
    return DeliveryRecord(run=run) if run > record.run else record


def _is_stale(record: DeliveryRecord, due: Due) -> bool:
    """Whether the run or delivery that `due` belongs to has ended."""
    return (due.run, due.redelivery) != (record.run, record.redelivery) or record.terminal is not None


def _tried(record: DeliveryRecord, due: Due, now: datetime) -> DeliveryRecord:
    """The record after a try, whatever came of it."""
    record = started(record, due)
    if due.until is None or _is_stale(record, due):
        return record
    return _held_up(record, schedule.CATCH_UP - (due.until - now))


def _held_up(record: DeliveryRecord, time: timedelta) -> DeliveryRecord:
    """The record once the terminal callback was held up for `time` altogether."""
    seconds = min(max(time, timedelta(0)), schedule.CATCH_UP).total_seconds()
    return record.model_copy(update={"catch_up_seconds": max(record.catch_up_seconds, round(seconds, 3))})


def _next_stage(record: DeliveryRecord, facts: JobFacts) -> Stage | None:
    """The progress to send next; None when the terminal callback or nothing is next."""
    if record.in_hand is not None and record.in_hand.is_terminal:
        return None
    open_stages = [stage for stage in _reached(facts) if stage.progress > record.settled]
    return open_stages[0] if open_stages else None


def _reached(facts: JobFacts) -> tuple[Stage, ...]:
    """The stages reached; a result proves all of them, also where some reports were lost."""
    return _PROGRESS_STAGES if facts.terminal == "completed" else facts.reached


def _progress(record: DeliveryRecord, facts: JobFacts, now: datetime) -> Due | None:
    """The progress callback that is next, before the terminal one; None where none is left."""
    stage = _next_stage(record, facts)
    if stage is None:
        return None
    return Due(
        run=facts.run,
        redelivery=record.redelivery,
        status="processing",
        progress=stage.progress,
        message=stage.message,
        webhook_id=webhook_id(facts.uid, facts.run, "processing", stage.progress),
        at=now,
        backlog=_backlog(facts),
        until=None if facts.terminal is None else now + _catch_up_left(record),
    )


def _catch_up_left(record: DeliveryRecord) -> timedelta:
    return max(timedelta(0), schedule.CATCH_UP - timedelta(seconds=record.catch_up_seconds))


def _terminal(record: DeliveryRecord, facts: JobFacts, now: datetime, *, early: bool = False) -> Due:
    completed = facts.terminal == "completed"
    status: CallbackStatus = "completed" if completed else "failed"
    progress = _LAST if completed else None
    return Due(
        run=facts.run,
        redelivery=record.redelivery,
        status=status,
        progress=progress,
        message=Stage.COMPLETED.message if completed else None,
        webhook_id=webhook_id(facts.uid, facts.run, status, progress),
        at=now,
        backlog=_backlog(facts),
        early=early,
    )


def _backlog(facts: JobFacts) -> int:
    return max((stage.progress for stage in _reached(facts)), default=0)


def _held_until(record: DeliveryRecord, due: Due, now: datetime) -> WaitUntil | None:
    """Retry-After holds for everything, a failed callback's pause for that callback."""
    pauses = [record.not_before] if record.not_before else []
    if record.in_hand is not None and record.in_hand.is_terminal == due.is_terminal:
        pauses.append(record.in_hand.next_try)
    latest = max(pauses, default=now)
    return WaitUntil(latest) if latest > now else None


def _below(progress: int | None) -> int:
    return max((s.progress for s in _PROGRESS_STAGES if s.progress < (progress or 0)), default=0)


def _ending(record: DeliveryRecord, failure: Failure, now: datetime) -> Settled:
    tries = record.in_hand.tries + 1 if record.in_hand else 1
    outcome = "rejected" if failure.is_final else "undelivered"
    return Settled(outcome=outcome, time=now, tries=tries, last_error=failure.error)


def _settled(record: DeliveryRecord, end: Settled) -> DeliveryRecord:
    return record.model_copy(update={"terminal": end, "in_hand": None, "catch_up_until": None, "settled": _LAST})
