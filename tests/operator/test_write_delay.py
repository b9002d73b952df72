"""What only people would notice is written with the next write, or some seconds later; what acts is written now."""

from dataclasses import replace

import pytest

from ecg_operator.act.status_writer import LONGEST_DELAY_S, WriteDelay
from ecg_operator.decide.plan import Plan
from support.observations import World


class Waiting:
    """A job whose pod waits for its node, and a clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.delay = WriteDelay(lambda: self.now_s)
        self.world = World()
        self.world.settle()
        self.world.add_pod(node=None)
        self.world.settle()
        self.videojob = self.world.videojob

    def seconds_left(self, plan: Plan) -> float:
        return self.delay.seconds_left(self.videojob, plan)

    @property
    def for_people(self) -> Plan:
        status = self.videojob.status
        first, *others = status.conditions
        told = status.model_copy(update={"conditions": [first.model_copy(update={"message": "told"}), *others]})
        return Plan(told)


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


def test_a_text_waits_and_is_written_in_the_end_whatever_comes_between(waiting: Waiting) -> None:
    assert waiting.seconds_left(waiting.for_people) == LONGEST_DELAY_S
    waiting.now_s = 2.0
    assert waiting.seconds_left(waiting.for_people) == LONGEST_DELAY_S - 2.0
    waiting.now_s = LONGEST_DELAY_S
    assert waiting.seconds_left(waiting.for_people) == 0.0


def test_the_next_text_waits_anew(waiting: Waiting) -> None:
    waiting.seconds_left(waiting.for_people)
    waiting.now_s = LONGEST_DELAY_S + 1
    assert waiting.seconds_left(waiting.for_people) == 0.0
    assert waiting.seconds_left(waiting.for_people) == LONGEST_DELAY_S


def test_what_acts_takes_the_text_along_at_once(waiting: Waiting) -> None:
    waiting.seconds_left(waiting.for_people)
    waiting.now_s = 1.0
    assert waiting.seconds_left(replace(waiting.for_people, create_job=True)) == 0.0
    assert waiting.seconds_left(waiting.for_people) == LONGEST_DELAY_S


def test_the_end_of_a_run_does_not_wait(waiting: Waiting) -> None:
    ended = waiting.videojob.status.model_copy(update={"completion_time": waiting.world.now})
    assert waiting.seconds_left(Plan(ended)) == 0.0
