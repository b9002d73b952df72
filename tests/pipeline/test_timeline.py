"""Placement of frames by their timestamps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_pipeline.media.timeline import FOLLOWS, Place, Timeline


def started(end: float | None = 100.0, origin: float = 0.0) -> Timeline:
    """A timeline after one second of sound."""
    timeline = Timeline(origin, end)
    assert timeline.place(origin, 1.0) == FOLLOWS
    return timeline


def test_a_frame_without_a_timestamp_follows() -> None:
    assert started().place(None, 1.0) == FOLLOWS


@pytest.mark.parametrize("time", [0.96, 1.0, 1.04])
def test_jitter_is_no_gap(time: float) -> None:
    assert started().place(time, 1.0) == FOLLOWS


def test_the_smallest_gap_counts_after_a_loss() -> None:
    assert started().place(1.02, 1.0, after_loss=True) == Place(silence_until=1.02)


def test_a_gap_becomes_silence_and_time_goes_on_behind_it() -> None:
    timeline = started()
    assert timeline.place(3.0, 1.0) == Place(silence_until=3.0)
    assert timeline.place(4.0, 1.0) == FOLLOWS


def test_a_short_overlap_is_heard_once() -> None:
    timeline = started()
    assert timeline.place(0.75, 1.0) == Place(drop=0.25)
    assert timeline.place(1.75, 1.0) == FOLLOWS


@pytest.mark.parametrize(("end", "time"), [(100.0, 102.1), (100.0, 1e9), (None, 3602.0), (100.0, -5.0)])
def test_a_clock_that_breaks_is_not_believed(end: float | None, time: float) -> None:
    timeline = started(end)
    assert timeline.place(time, 1.0) == FOLLOWS
    assert timeline.place(time + 1.0, 1.0) == FOLLOWS
    assert timeline.jumps == 1


def test_the_clocks_zero_is_the_containers() -> None:
    assert started(origin=36000.0).place(36002.0, 1.0) == Place(silence_until=2.0)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.001, 2.0)), max_size=30))
def test_no_sequence_of_timestamps_makes_more_than_was_declared(frames: list[tuple[float, float]]) -> None:
    timeline, length = Timeline(0.0, 50.0), 0.0
    for time, duration in frames:
        place = timeline.place(time, duration)
        assert 0 <= place.drop <= duration
        assert place.silence_until is None or length - 1e-6 <= place.silence_until <= 51
        length = (length if place.silence_until is None else place.silence_until) + duration - place.drop
    assert length <= 51 + 2.0 * len(frames)
