"""Single decisions about callbacks; `test_callbacks_machine` has them in any order."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ecg_callbacks import schedule
from ecg_callbacks.decision import (
    acknowledged,
    callback_view,
    due_at,
    early_callback,
    failed_try,
    next_callback,
    redeliver,
    remembered,
    started,
)
from ecg_callbacks.types import Due, Failure, JobFacts, Nothing, WaitUntil
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.stages import Stage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HTTP_500 = Failure("HTTP 500", 500)
STAGES = tuple(stage for stage in Stage if stage is not Stage.COMPLETED)
RUNNING = JobFacts(uid="u", job_id="j", callback_base="http://b", reached=STAGES[:1])
COMPLETED = replace(RUNNING, reached=STAGES, terminal="completed")
FAILED = replace(RUNNING, terminal="failed")
ALL_SENT = DeliveryRecord(settled=90, acknowledged=90)


def test_the_last_eight_tries_are_remembered_in_plain_text() -> None:
    record = DeliveryRecord()
    one = due(record, RUNNING)
    for number in range(10):
        record = remembered(record, one, after(number), 500, f'<"{number}"> 오류 ' + "x" * 200)
    record = remembered(record, one, after(10), 200, None)
    first, last = record.tries[0], record.tries[-1]
    assert (len(record.tries), first.time, first.status, first.progress) == (8, after(3), "processing", 10)
    assert first.error is not None
    assert (first.error.startswith("?'3'? ?? xxx"), len(first.error)) == (True, 80)
    assert (last.http_status, last.error) == (200, None)
    assert remembered(record, replace(one, run=2), NOW, 200, None) == record, "a run that is over"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def due(record: DeliveryRecord, facts: JobFacts, now: datetime = NOW) -> Due:
    decision = next_callback(record, facts, now)
    assert isinstance(decision, Due)
    return decision


def fail(
    record: DeliveryRecord, facts: JobFacts, now: datetime, failure: Failure = HTTP_500, chance: float = 0.5
) -> DeliveryRecord:
    return failed_try(record, due(record, facts, now), now, failure, lambda: chance)


def tries(facts: JobFacts, record: DeliveryRecord, chance: float = 0.5) -> tuple[list[datetime], DeliveryRecord]:
    """When a backend that answers 500 for ever is tried, and the record at the end."""
    now, times = NOW, []
    while not isinstance(decision := next_callback(record, facts, now), Nothing):
        if isinstance(decision, WaitUntil):
            now = decision.time
            continue
        times.append(now)
        record = failed_try(record, decision, now, HTTP_500, lambda: chance)
    return times, record


def tries_of(facts: JobFacts, record: DeliveryRecord) -> tuple[list[tuple[int | None, datetime]], DeliveryRecord]:
    """Which progress a backend that answers 500 for ever is sent, and when."""
    now, sent = NOW, []
    while not isinstance(decision := next_callback(record, facts, now), Nothing):
        if isinstance(decision, WaitUntil):
            now = decision.time
            continue
        sent.append((decision.progress, now))
        record = failed_try(record, decision, now, HTTP_500, lambda: 0.5)
    return sent, record


def test_a_progress_callback_gets_three_tries_within_thirty_seconds() -> None:
    times, record = tries(RUNNING, DeliveryRecord())
    assert times == [NOW, after(1), after(5)]
    assert (record.settled, record.acknowledged, record.terminal) == (10, 0, None)


def test_a_try_that_hangs_for_thirty_seconds_was_the_last_of_its_kind() -> None:
    first = due(DeliveryRecord(), RUNNING)
    record = failed_try(DeliveryRecord(), first, after(30), Failure("timed out"), lambda: 0.5)
    assert isinstance(next_callback(record, RUNNING, after(30)), Nothing)


def test_the_terminal_schedule_is_the_agreed_one_and_ends_after_72_hours() -> None:
    times, record = tries(COMPLETED, ALL_SENT)
    seconds = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert seconds[:8] == [5, 30, 120, 300, 900, 1800, 3600, 3600]
    assert timedelta(hours=71) <= times[-1] - times[0] <= timedelta(hours=72)
    assert record.terminal is not None
    assert (record.terminal.outcome, record.terminal.tries) == ("undelivered", len(times))


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 4.0), (0.5, 5.0), (0.999999, 6.0)])
def test_jitter_is_a_fifth_either_way(chance: float, seconds: float) -> None:
    record = fail(ALL_SENT, COMPLETED, NOW, chance=chance)
    assert record.in_hand is not None
    assert (record.in_hand.next_try - NOW).total_seconds() == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize("status", [410, 413])
def test_gone_and_too_large_are_final(status: int) -> None:
    record = fail(ALL_SENT, COMPLETED, NOW, Failure(f"HTTP {status}", status))
    assert record.terminal is not None
    assert record.terminal.outcome == "rejected"
    assert callback_view(record, COMPLETED).state == "rejected"


@pytest.mark.parametrize("status", [None, 301, 307, 400, 401, 404, 408, 429, 500, 503])
def test_everything_else_is_retried(status: int | None) -> None:
    record = fail(ALL_SENT, COMPLETED, NOW, Failure("no", status))
    assert isinstance(next_callback(record, COMPLETED, NOW), WaitUntil)


def test_a_refused_progress_does_not_keep_the_later_ones_from_being_sent() -> None:
    facts = replace(RUNNING, reached=STAGES[:2])
    record = fail(DeliveryRecord(), facts, NOW, Failure("HTTP 413", 413))
    assert due(record, facts).progress == 25


def test_a_failed_progress_is_tried_again_before_a_newer_one() -> None:
    record = fail(DeliveryRecord(), RUNNING, NOW)
    facts = replace(RUNNING, reached=STAGES[:3])
    assert next_callback(record, facts, NOW) == WaitUntil(after(1))
    record = acknowledged(record, due(record, facts, after(1)), after(1))
    assert record.acknowledged == 10
    assert due(record, facts, after(1)).progress == 25


def test_every_progress_has_three_tries_of_its_own() -> None:
    sent, record = tries_of(replace(RUNNING, reached=STAGES), DeliveryRecord())
    assert [progress for progress, _ in sent] == [p for p in (10, 25, 40, 60, 75, 90) for _ in range(3)]
    assert [moment for _, moment in sent[:6]] == [NOW, after(1), after(5), after(5), after(6), after(10)]
    assert (record.settled, record.in_hand) == (90, None)


def test_a_refused_progress_that_a_new_attempt_reaches_again_is_tried_again() -> None:
    facts = replace(RUNNING, reached=STAGES[:2])
    record = fail(DeliveryRecord(settled=10), facts, NOW)
    assert isinstance(next_callback(record, RUNNING, after(1)), Nothing)
    assert due(record, facts, after(1)).progress == 25


@pytest.mark.parametrize("terminal", [COMPLETED, FAILED])
def test_progress_that_fails_holds_up_the_terminal_callback_for_seconds_only(terminal: JobFacts) -> None:
    record, now, sent = DeliveryRecord(), NOW, []
    while not isinstance(decision := next_callback(record, terminal, now), Due) or not decision.is_terminal:
        if isinstance(decision, WaitUntil):
            now = decision.time
            continue
        assert isinstance(decision, Due)
        sent.append(decision.progress)
        record = failed_try(record, decision, now, HTTP_500, lambda: 0.5)
    assert now - NOW <= schedule.CATCH_UP
    assert sent == [10, 10]
    record = failed_try(record, decision, now, HTTP_500, lambda: 0.5)
    assert record.in_hand is not None
    assert (record.in_hand.tries, record.settled) == (1, decision.backlog)


def test_slow_progress_holds_up_the_terminal_callback_for_seconds_only() -> None:
    """Each answer takes two seconds."""
    record, now, sent = DeliveryRecord(), NOW, []
    while not (decision := due(record, COMPLETED, now)).is_terminal:
        assert decision.until == NOW + schedule.CATCH_UP, "the seconds are those of all tries"
        sent.append(decision.progress)
        now += timedelta(seconds=2)
        record = acknowledged(record, decision, now)
    assert sent == [10, 25, 40]
    assert record.acknowledged == 40


def test_time_in_which_nobody_could_send_gives_up_no_progress() -> None:
    """The sender is away for a minute after each answer, which takes half a second."""
    record, now, sent = DeliveryRecord(), NOW, []
    while not (decision := due(record, COMPLETED, now)).is_terminal:
        sent.append(decision.progress)
        now += timedelta(seconds=0.5)
        record = acknowledged(record, decision, now)
        now += timedelta(minutes=1)
    assert sent == [10, 25, 40, 60, 75, 90]
    assert record.catch_up_seconds == 3.0


def test_the_last_failed_progress_gets_its_next_try_before_the_terminal_callback() -> None:
    record = fail(DeliveryRecord(settled=75, acknowledged=75), replace(RUNNING, reached=STAGES), NOW)
    assert next_callback(record, COMPLETED, NOW) == WaitUntil(after(1))
    record = acknowledged(record, due(record, COMPLETED, after(1)), after(1))
    assert (record.acknowledged, due(record, COMPLETED, after(1)).progress) == (90, 100)


def test_no_progress_follows_a_terminal_callback_that_failed() -> None:
    record = fail(DeliveryRecord(settled=10), FAILED, NOW)
    assert due(record, replace(FAILED, reached=STAGES), after(5)).is_terminal


def test_a_crash_while_a_callback_overtakes_leaves_no_way_back() -> None:
    """A report of the first stage that was lost arrives after the one of the second."""
    newer = due(DeliveryRecord(), replace(RUNNING, reached=STAGES[1:2]))
    assert newer.progress == 25
    record = started(DeliveryRecord(), newer)
    assert isinstance(next_callback(record, RUNNING, after(1)), Nothing)
    again = due(record, replace(RUNNING, reached=STAGES[:2]), after(1))
    assert again.webhook_id == newer.webhook_id


def test_a_crash_while_the_terminal_callback_overtakes_leaves_no_way_back() -> None:
    waiting = fail(DeliveryRecord(), RUNNING, NOW, Failure("HTTP 503", 503, timedelta(seconds=60)))
    terminal = due(waiting.model_copy(update={"not_before": None}), FAILED)
    assert terminal.is_terminal
    assert due(started(waiting, terminal), FAILED, after(60)).webhook_id == terminal.webhook_id


def test_a_try_in_order_needs_no_write_before_it() -> None:
    record = DeliveryRecord()
    for facts in [replace(COMPLETED, reached=STAGES[:n], terminal=None) for n in range(1, 7)] + [COMPLETED]:
        assert started(record, due(record, facts)) == record
        record = acknowledged(record, due(record, facts), NOW)
    assert record.terminal is not None


def test_a_completed_job_sends_all_seven_also_when_reports_of_stages_were_lost() -> None:
    assert due(DeliveryRecord(), replace(COMPLETED, reached=())).progress == 10


def test_a_failed_job_says_so_without_progress_and_message() -> None:
    terminal = due(DeliveryRecord(settled=10), FAILED)
    assert (terminal.status, terminal.progress, terminal.message) == ("failed", None, None)


@pytest.mark.parametrize("facts", [replace(COMPLETED, callback_base=None), replace(FAILED, cancelled=True)])
def test_nothing_is_sent_without_a_base_or_after_a_cancel(facts: JobFacts) -> None:
    assert isinstance(next_callback(DeliveryRecord(), facts, NOW), Nothing)
    assert callback_view(DeliveryRecord(), facts).state == "disabled"


def test_retry_after_holds_for_whatever_comes_next() -> None:
    record = fail(DeliveryRecord(), RUNNING, NOW, Failure("HTTP 429", 429, timedelta(seconds=20)))
    assert next_callback(record, COMPLETED, NOW) == WaitUntil(after(20))
    assert isinstance(next_callback(record, COMPLETED, after(20)), Due)


def test_retry_after_lengthens_the_schedule_but_never_shortens_it() -> None:
    longer = fail(ALL_SENT, COMPLETED, NOW, Failure("HTTP 503", 503, timedelta(seconds=60)))
    shorter = fail(ALL_SENT, COMPLETED, NOW, Failure("HTTP 503", 503, timedelta(seconds=1)))
    assert due_at(longer, COMPLETED, NOW) == after(60)
    assert due_at(shorter, COMPLETED, NOW) == after(5)


def test_retry_after_is_bounded() -> None:
    record = fail(ALL_SENT, COMPLETED, NOW, Failure("HTTP 503", 503, timedelta(days=365)))
    assert due_at(record, COMPLETED, NOW) == after(3600)


def test_an_early_try_that_fails_leaves_the_schedule_as_it_was() -> None:
    record = fail(ALL_SENT, COMPLETED, NOW)
    early = early_callback(record, COMPLETED, after(1))
    assert early is not None
    after_it = failed_try(record, early, after(2), Failure("timed out"), lambda: 0.5)
    assert due_at(after_it, COMPLETED, after(2)) == after(5)
    assert after_it.in_hand is not None
    assert (after_it.in_hand.tries, after_it.in_hand.last_error) == (1, "timed out")


def test_an_early_try_honours_retry_after() -> None:
    record = fail(ALL_SENT, COMPLETED, NOW, Failure("HTTP 503", 503, timedelta(seconds=60)))
    assert early_callback(record, COMPLETED, after(59)) is None


def test_only_a_terminal_callback_that_failed_is_sent_early() -> None:
    assert early_callback(ALL_SENT, COMPLETED, NOW) is None
    assert early_callback(fail(DeliveryRecord(), RUNNING, NOW), RUNNING, NOW) is None


def test_a_redelivery_has_the_id_of_what_it_repeats_and_no_progress_before_it() -> None:
    first = due(ALL_SENT, COMPLETED)
    record = redeliver(acknowledged(ALL_SENT, first, NOW), NOW)
    again = due(record, COMPLETED)
    assert (again.status, again.progress) == ("completed", 100)
    assert again.webhook_id == first.webhook_id


def test_a_stage_that_is_reported_after_the_end_is_not_sent_with_a_redelivery() -> None:
    record = DeliveryRecord(settled=10)
    record = redeliver(acknowledged(record, due(record, FAILED), NOW), NOW)
    assert due(record, replace(FAILED, reached=STAGES)).status == "failed"


def test_a_redelivery_of_what_still_waits_is_sent_at_once_under_the_same_id() -> None:
    record = fail(ALL_SENT, COMPLETED, NOW)
    assert due(redeliver(record, after(1)), COMPLETED, after(1)).webhook_id == due(ALL_SENT, COMPLETED).webhook_id


def test_an_undelivered_callback_can_be_replayed_and_delivered() -> None:
    _, record = tries(FAILED, DeliveryRecord(settled=10))
    record = redeliver(record, NOW)
    record = acknowledged(record, due(record, FAILED), NOW)
    assert callback_view(record, FAILED).state == "delivered"


def test_a_new_run_starts_over_with_other_ids() -> None:
    record = acknowledged(DeliveryRecord(settled=10), due(DeliveryRecord(settled=10), FAILED), NOW)
    second = due(record, replace(RUNNING, run=2))
    assert second.progress == 10
    assert second.webhook_id != due(DeliveryRecord(), RUNNING).webhook_id


def test_an_answer_from_an_earlier_run_is_forgotten() -> None:
    late = due(ALL_SENT, COMPLETED)
    record = DeliveryRecord(run=ALL_SENT.run + 1)
    assert acknowledged(record, late, NOW) == record
    assert failed_try(record, late, NOW, HTTP_500, lambda: 0.5) == record


def test_another_job_under_the_same_job_id_has_other_ids() -> None:
    assert due(DeliveryRecord(), RUNNING).webhook_id != due(DeliveryRecord(), replace(RUNNING, uid="v")).webhook_id


def test_the_view_tells_what_is_being_retried() -> None:
    view = callback_view(fail(DeliveryRecord(settled=25, acknowledged=25), COMPLETED, NOW), COMPLETED)
    assert (view.state, view.delivered_progress, view.tries, view.last_error) == ("retrying", 25, 1, "HTTP 500")
    assert view.next_try == after(1)


def test_a_record_stays_small_whatever_the_backend_says() -> None:
    record = fail(ALL_SENT, COMPLETED, NOW, Failure("x" * 10_000))
    assert len(record.to_json()) < 1024
    assert DeliveryRecord.model_validate_json(record.to_json()) == record
