"""Which jobs the scheduler starts, and when it looks again."""

from datetime import UTC, datetime, timedelta

from ecg_callbacks.circuit import PROBE_EVERY, Circuit, Reason, Start
from ecg_callbacks.ports import Pending
from ecg_callbacks.scheduler import LONGEST_SLEEP, Scheduler

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
BASE = "https://backend.example"


def waiting(key: str, *, base: str = BASE, minutes: int = 60) -> Pending:
    """A terminal callback that failed and is tried again in so many minutes."""
    return Pending(key, base, NOW + timedelta(minutes=minutes), is_retried_terminal=True)


def test_what_is_due_is_started_and_what_is_not_tells_when_to_look_again() -> None:
    due, later = Pending("a", BASE, NOW, False), Pending("b", BASE, LATER, False)
    assert Scheduler().plan([due, later], (), NOW) == ([Start("a", Reason.DUE)], LATER)


def test_without_jobs_the_next_look_is_the_longest_sleep() -> None:
    assert Scheduler().plan([], (), NOW) == ([], NOW + LONGEST_SLEEP)


def test_a_job_that_is_being_worked_on_is_not_started_again() -> None:
    assert Scheduler().plan([Pending("a", BASE, NOW, False)], {"a"}, NOW)[0] == []


def test_an_origin_that_is_down_is_probed_with_one_of_several_waiting_jobs() -> None:
    scheduler = Scheduler()
    jobs = [waiting("a"), waiting("b", minutes=90)]
    assert scheduler.plan(jobs, (), NOW) == ([Start("b", Reason.PROBE)], NOW + PROBE_EVERY)
    assert scheduler.plan(jobs, (), NOW) == ([], NOW + PROBE_EVERY)
    assert scheduler.plan(jobs, (), NOW + PROBE_EVERY)[0] == [Start("a", Reason.PROBE)]
    assert scheduler.plan(jobs, (), NOW + 2 * PROBE_EVERY) == ([], LATER)


def test_a_single_job_keeps_to_its_schedule() -> None:
    assert Scheduler().plan([waiting("a")], (), NOW) == ([], LATER)


def test_a_return_starts_all_that_wait_for_this_origin_once() -> None:
    scheduler = Scheduler()
    jobs = [waiting("a"), waiting("b"), waiting("c", base="https://other.example")]
    assert scheduler.circuit(BASE).acknowledged(NOW)
    assert scheduler.plan(jobs, (), NOW)[0] == [Start("a", Reason.RETURNED), Start("b", Reason.RETURNED)]
    assert scheduler.plan(jobs, (), NOW)[0] == []


def test_an_acknowledgement_of_an_origin_that_was_up_is_no_return() -> None:
    circuit = Circuit()
    assert circuit.acknowledged(NOW)
    assert not circuit.acknowledged(NOW)


def test_an_origin_for_which_nothing_waits_is_forgotten() -> None:
    scheduler = Scheduler()
    known = scheduler.circuit(BASE)
    scheduler.plan([waiting("a")], (), NOW)
    assert scheduler.circuit(BASE) is known
    scheduler.plan([], (), NOW)
    assert scheduler.circuit(BASE) is not known
