"""The least rate of a download, on a clock of the test's."""

import pytest

from ecg_pipeline.fetch.common import TryAgainError
from ecg_pipeline.fetch.least_rate import LeastRate
from ecg_pipeline.settings import FetchSettings

KIB = 1024
HOUR = 3600.0


class Clock:
    """Seconds, moved by the test."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def download(total: int | None, per_minute: int, minutes: int) -> None:
    """`total` bytes at a steady rate; for two hours at most."""
    clock = Clock()
    rate = LeastRate(FetchSettings(fetch_stall_timeout_s=60, fetch_total_timeout_s=2 * HOUR), clock)
    for minute in range(1, minutes + 1):
        clock.now = minute * 60.0
        rate.arrived(per_minute, None if total is None else total - minute * per_minute)


def test_a_small_file_may_be_slow() -> None:
    download(50 * 1024 * KIB, 8 * KIB * 60, 106)


def test_a_large_file_at_the_same_rate_is_given_up_after_a_minute() -> None:
    with pytest.raises(TryAgainError, match=r"at 8 KiB/s the rest would take 36\.4 h, and 2\.0 h are left"):
        download(1024**2 * KIB, 8 * KIB * 60, 1)


def test_a_file_of_unknown_length_is_held_to_the_least_bytes_of_a_minute() -> None:
    download(None, 64 * KIB, 100)
    with pytest.raises(TryAgainError, match="only 65535 bytes in 60 s"):
        download(None, 64 * KIB - 1, 1)


def test_a_pause_between_tries_is_no_stall() -> None:
    clock = Clock()
    rate = LeastRate(FetchSettings(fetch_stall_timeout_s=60), clock)
    clock.now = 100.0
    rate.begin()
    rate.arrived(1, None)
    clock.now = 161.0
    with pytest.raises(TryAgainError):
        rate.arrived(1, None)
