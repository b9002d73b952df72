"""Estimates of when a job will be completed."""

from datetime import UTC, datetime, timedelta

import pytest

from ecg_contract.pace import Pace, completion_of_queued, completion_of_running, updated

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PACE = Pace(seconds_per_job=100.0, real_time_factor=0.25)


def test_the_first_job_gives_the_means() -> None:
    assert updated(None, 30.0, 60.0) == Pace(30.0, 0.5)


def test_a_change_of_speed_is_followed_within_some_ten_jobs() -> None:
    pace: Pace | None = Pace(100.0, 1.0)
    for _ in range(10):
        pace = updated(pace, 10.0, 100.0)
    assert pace is not None
    assert pace.real_time_factor < 0.5
    assert pace.seconds_per_job < 50


@pytest.mark.parametrize(("worked", "duration"), [(0.0, 10.0), (10.0, 0.0)])
def test_a_job_without_length_or_time_counts_nothing(worked: float, duration: float) -> None:
    assert updated(PACE, worked, duration) is PACE
    assert updated(None, worked, duration) is None


def test_a_running_job_takes_its_length_times_the_factor() -> None:
    assert completion_of_running(PACE, NOW, 400.0, NOW) == NOW + timedelta(seconds=100)


def test_a_job_that_takes_longer_than_estimated_is_expected_now() -> None:
    late = NOW + timedelta(seconds=500)
    assert completion_of_running(PACE, NOW, 400.0, late) == late


@pytest.mark.parametrize(("position", "rounds"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_a_queued_job_waits_for_the_rounds_before_it_and_for_its_own_work(position: int, rounds: int) -> None:
    expected = NOW + timedelta(seconds=100 * (rounds + 1))
    assert completion_of_queued(PACE, position, slots=4, now=NOW) == expected
