"""What a part of an analysis took, in the log and in the status."""

import logging
import time

import numpy as np
import pytest
import torch

from ecg_contract.host_protocol import Part, PartUsage
from ecg_pipeline.analysis.part_usage import measured
from ecg_pipeline.ports import SAMPLE_RATE

SAMPLES = np.zeros(3 * SAMPLE_RATE, np.float32)


def _lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, float]]:
    return [(r.stage, r.audio_seconds) for r in caplog.records if r.message == "stage_completed"]  # type: ignore[attr-defined]


def test_it_names_the_part_and_the_length_of_the_audio(caplog: pytest.LogCaptureFixture) -> None:
    seen: dict[Part, PartUsage] = {}
    with caplog.at_level(logging.INFO), measured(Part.VAD, SAMPLES, seen.__setitem__):
        assert _lines(caplog) == []
        assert seen == {}
    assert _lines(caplog) == [("vad", 3.0)]
    assert caplog.records[-1].seconds == seen[Part.VAD].seconds  # type: ignore[attr-defined]


def test_a_part_that_fails_is_told_of_too(caplog: pytest.LogCaptureFixture) -> None:
    seen: dict[Part, PartUsage] = {}
    with caplog.at_level(logging.INFO), pytest.raises(OSError), measured(Part.ALIGNMENT, SAMPLES, seen.__setitem__):  # noqa: PT011 - as raised
        raise OSError
    assert _lines(caplog) == [("alignment", 3.0)]
    assert list(seen) == [Part.ALIGNMENT]


@pytest.mark.parametrize(("in_use", "told"), [(False, None), (True, 6)])
def test_a_gpu_that_nobody_uses_is_not_asked(monkeypatch: pytest.MonkeyPatch, in_use: bool, told: int | None) -> None:
    asked: list[bool] = []

    def mem_get_info() -> tuple[int, int]:
        asked.append(in_use)  # the real one makes this process use the GPU
        return 10, 16

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: in_use)
    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    seen: dict[Part, PartUsage] = {}
    with measured(Part.VAD, SAMPLES, seen.__setitem__):
        pass
    assert seen[Part.VAD].gpu_memory_bytes == told
    assert asked == [True] * in_use


def test_work_costs_cpu_time_and_waiting_does_not() -> None:
    seen: dict[Part, PartUsage] = {}
    with measured(Part.EMOTION, SAMPLES, seen.__setitem__):
        time.sleep(0.2)
    with measured(Part.FEATURES, SAMPLES, seen.__setitem__):
        held = np.ones(50_000_000, np.uint8)
        end = time.process_time() + 0.2
        while time.process_time() < end:
            held[0] += 1
    waited, worked = seen[Part.EMOTION], seen[Part.FEATURES]
    assert waited.seconds >= 0.2
    assert waited.cpu_seconds < 0.1
    assert worked.cpu_seconds >= 0.2
    assert worked.memory_bytes > held.nbytes
    assert worked.memory_bytes >= waited.memory_bytes
