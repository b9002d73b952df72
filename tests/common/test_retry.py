"""Pauses between tries."""

import pytest

from ecg_common.retry import delay_after, exponential_backoff


@pytest.mark.parametrize(("failures", "pause"), [(1, 1), (2, 4), (3, 16), (4, 16), (100, 16)])
def test_the_last_delay_holds_for_all_that_follow(failures: int, pause: float) -> None:
    assert delay_after(failures, (1.0, 4.0, 16.0)) == pause


@pytest.mark.parametrize(("failures", "pause"), [(1, 0.25), (2, 0.5), (4, 2), (7, 10), (10_000, 10)])
def test_a_pause_doubles_up_to_its_longest(failures: int, pause: float) -> None:
    assert exponential_backoff(failures, 0.25, 10) == pause
