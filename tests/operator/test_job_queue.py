"""The order in which VideoJobs get their slots."""

import pytest

from ecg_operator.observe.job_queue import Demand, JobQueue, Place, Turn

IDLE = Demand(None, occupies=False)
AT_WORK = Demand(None, occupies=True)


class Woken(list[str]):
    def take(self) -> list[str]:
        taken = list(self)
        self.clear()
        return taken


@pytest.fixture
def woken() -> Woken:
    return Woken()


@pytest.fixture
def queue(woken: Woken) -> JobQueue:
    return JobQueue(2, woken.append)


def waits(name: str, sequence: int, priority: int = 0, *, interactive: bool = False) -> Demand:
    return Demand(Turn(not interactive, -priority, sequence, name), occupies=False)


def test_without_a_limit_nothing_waits(woken: Woken) -> None:
    queue = JobQueue(0, woken.append)
    for number in range(100):
        queue.update(f"j{number}", waits(f"j{number}", number))
    assert {queue.place(f"j{number}") for number in range(100)} == {None}


def test_what_exceeds_the_slots_waits_in_the_order_of_submission(queue: JobQueue) -> None:
    for name, sequence in (("d", 4), ("c", 3), ("a", 1), ("b", 2)):
        queue.update(name, waits(name, sequence))
    assert [queue.place(name) for name in "abcd"] == [None, None, Place(1 + 2, 3), Place(2 + 2, 4)]
    for name in "ab":
        queue.update(name, AT_WORK)
    assert [queue.place(name) for name in "cd"] == [Place(1, 3), Place(2, 4)]


def test_interactive_jobs_go_first_then_those_of_a_higher_priority(queue: JobQueue) -> None:
    queue.update("x", AT_WORK)
    queue.update("y", AT_WORK)
    queue.update("plain", waits("plain", 1))
    queue.update("urgent", waits("urgent", 2, 10))
    queue.update("late", waits("late", 0, -10))
    queue.update("asked", waits("asked", 3, interactive=True))
    places = {name: queue.place(name) for name in ("asked", "urgent", "plain", "late")}
    assert [place.position for place in places.values() if place] == [1, 2, 3, 4]


def test_a_slot_that_falls_free_wakes_the_next_one(queue: JobQueue, woken: Woken) -> None:
    for name in "xy":
        queue.update(name, AT_WORK)
    for number in range(100):
        queue.update(f"j{number:02}", waits(f"j{number:02}", number))
    woken.clear()
    queue.update("x", IDLE)
    assert woken.take()[0] == "j00"
    assert (queue.place("j00"), queue.place("j01")) == (None, Place(2, 1))


def test_a_reserved_slot_is_given_to_nobody_else(queue: JobQueue, woken: Woken) -> None:
    queue.update("x", AT_WORK)
    for name, sequence in (("a", 1), ("b", 2)):
        queue.update(name, waits(name, sequence))
    with queue.reserved("a"):
        assert queue.place("a") is None
        assert queue.place("b") == Place(1, 2)
        woken.clear()
    assert woken.take() == ["a", "b"], "it did not use the slot, so everybody looks again"
    assert (queue.place("a"), queue.place("b")) == (None, Place(2, 2))


def test_reserved_slots_do_not_hold_up_a_free_one(queue: JobQueue) -> None:
    for name, sequence in (("a", 1), ("b", 2)):
        queue.update(name, waits(name, sequence))
    with queue.reserved("a"):
        assert queue.place("b") is None


def test_a_rerun_whose_old_pod_has_not_ended_waits_like_others(queue: JobQueue) -> None:
    queue.update("x", AT_WORK)
    queue.update("first", waits("first", 1))
    queue.update("again", Demand(Turn(True, 0, 9, "again"), occupies=True))
    assert queue.place("first") == Place(1, 1), "both slots are in use"
    assert queue.place("again") == Place(2, 9)
    queue.update("first", IDLE)
    assert queue.place("again") is None, "the slot that its own old pod occupies is its own"


def test_a_place_is_that_of_now(queue: JobQueue) -> None:
    for name in "xy":
        queue.update(name, AT_WORK)
    queue.update("a", waits("a", 1))
    queue.update("b", waits("b", 2))
    queue.update("a", IDLE)
    assert queue.place("b") == Place(1, 2)
    queue.update("b", IDLE)
    assert queue.place("b") is None
