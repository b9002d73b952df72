"""When an origin counts as down, and when what waits for it is due."""

from datetime import UTC, datetime

import pytest

from ecg_callbacks.circuit import OriginState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RETURN = 10


@pytest.fixture
def origin() -> OriginState:
    """One that has answered in turn 10."""
    made = OriginState()
    made.acknowledged(RETURN, NOW)
    return made


def test_the_first_acknowledgement_is_a_return_for_what_was_tried_before(origin: OriginState) -> None:
    assert origin.has_returned_since(0)
    assert origin.has_returned_since(RETURN - 1)


def test_what_is_tried_after_the_return_waits_for_its_own_schedule(origin: OriginState) -> None:
    assert not origin.has_returned_since(RETURN + 1)


def test_an_acknowledgement_of_many_is_no_return(origin: OriginState) -> None:
    origin.acknowledged(RETURN + 2, NOW)
    assert not origin.has_returned_since(RETURN + 1)


def test_three_failures_in_a_row_are_an_outage(origin: OriginState) -> None:
    for _ in range(2):
        origin.failed(RETURN + 1, NOW)
    assert origin.is_up
    origin.failed(RETURN + 1, NOW)
    assert not origin.is_up
    assert not origin.has_returned_since(0)


def test_the_end_of_an_outage_is_a_return(origin: OriginState) -> None:
    for _ in range(3):
        origin.failed(RETURN + 1, NOW)
    origin.acknowledged(RETURN + 3, NOW)
    assert origin.has_returned_since(RETURN + 1)


def test_failures_with_an_acknowledgement_between_are_none(origin: OriginState) -> None:
    for turn in range(RETURN, RETURN + 10, 2):
        origin.failed(turn, NOW)
        origin.acknowledged(turn + 1, NOW)
    assert origin.is_up
    assert not origin.has_returned_since(RETURN + 1)


def test_tries_that_hung_since_before_the_return_are_no_outage(origin: OriginState) -> None:
    for _ in range(3):
        origin.failed(RETURN - 1, NOW)
    assert origin.is_up
    assert origin.has_returned_since(RETURN - 1)
