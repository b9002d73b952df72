"""The outline of the signal that results have."""

import numpy as np
import pytest

from ecg_pipeline.waveform import PEAKS, peaks
from support.sounds import RATE


def test_it_is_the_largest_sample_of_either_sign_of_each_stretch() -> None:
    samples = np.zeros(RATE * 60, np.float32)
    samples[RATE * 15] = 0.5
    samples[RATE * 45] = -1.0
    found = peaks(samples)
    assert len(found) == PEAKS
    assert {number: value for number, value in enumerate(found) if value} == {250: 50, 750: 100}


@pytest.mark.parametrize(("samples", "count"), [(0, 0), (1, 1), (RATE // 100, 1), (RATE, 50), (RATE * 3600, PEAKS)])
def test_a_stretch_is_20_ms_long_or_longer(samples: int, count: int) -> None:
    assert peaks(np.full(samples, 0.25, np.float32)) == [25] * count


def test_what_is_no_number_or_beyond_full_scale_is_neither() -> None:
    assert peaks(np.array([np.nan, 0.1], np.float32)) == [0]
    assert peaks(np.array([-7.0, 0.1], np.float32)) == [100]
