"""When an origin counts as down, and when what waits for it is due."""

from datetime import UTC, datetime, timedelta

from ecg_contract.origins import Origin

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def come_back() -> Origin:
    """An origin whose return has been dealt with."""
    origin = Origin()
    origin.acknowledged(NOW)
    origin.has_come_back = False
    return origin


def test_the_first_acknowledgement_is_a_return() -> None:
    origin = Origin()
    origin.acknowledged(NOW)
    assert origin.has_come_back


def test_an_acknowledgement_of_many_is_no_return() -> None:
    origin = come_back()
    origin.acknowledged(after(1))
    assert not origin.has_come_back


def test_three_failures_in_a_row_are_an_outage() -> None:
    origin = come_back()
    for _ in range(2):
        origin.failed(after(1), after(2))
    assert origin.is_up
    origin.failed(after(1), after(2))
    assert not origin.is_up


def test_failures_with_an_acknowledgement_between_are_none() -> None:
    origin = come_back()
    for _ in range(5):
        origin.failed(after(1), after(2))
        origin.acknowledged(after(3))
    assert origin.is_up
    assert not origin.has_come_back


def test_a_try_that_hung_since_before_the_return_is_due_with_the_others() -> None:
    origin = come_back()
    origin.failed(after(-20), after(10))
    assert origin.has_come_back
    assert origin.is_up
