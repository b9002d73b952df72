"""The log line of each part of an analysis."""

import logging

import numpy as np
import pytest

from ecg_pipeline.analysis.stage_log import logged
from ecg_pipeline.ports import SAMPLE_RATE

SAMPLES = np.zeros(3 * SAMPLE_RATE, np.float32)


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, float]]:
    return [(r.stage, r.audio_seconds) for r in caplog.records if r.message == "stage_completed"]  # type: ignore[attr-defined]


def test_it_names_the_part_and_the_length_of_the_audio(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), logged("vad", SAMPLES):
        assert _lines(caplog) == []
    assert _lines(caplog) == [("vad", 3.0)]
    assert 0 <= caplog.records[-1].seconds < 3  # type: ignore[attr-defined]


def test_a_part_that_fails_is_told_of_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(OSError), logged("alignment", SAMPLES):  # noqa: PT011 - as raised
        raise OSError
    assert _lines(caplog) == [("alignment", 3.0)]
