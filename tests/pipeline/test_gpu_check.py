"""`ecg bench --gpu-check`, with runs that are played: there is no GPU here."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from ecg_contract.host_protocol import Part, PartUsage, PipelineStatus
from ecg_pipeline.bench import tables
from ecg_pipeline.bench.gpu_check import STEPS, Checked, check
from ecg_pipeline.bench.pipeline_run import Cost, PipelineRun, RunError
from ecg_pipeline.engines.libraries import Libraries, limit_gpu_memory
from ecg_pipeline.settings import PipelineSettings

GIB = 2**30
Asked = tuple[bool, Mapping[str, str]]


def _run(words: str, gpu_gib: int, notes: tuple[str, ...] = ()) -> PipelineRun:
    usage = PartUsage(seconds=1, cpu_seconds=1, memory_bytes=GIB, gpu_memory_bytes=gpu_gib * GIB)
    status = PipelineStatus(attempt=1, parts={Part.VAD: usage}, notes=notes)
    heard = [
        {"word": word, "start_time": number, "end_time": number + 1, "speaker_id": "S"}
        for number, word in enumerate(words.split())
    ]
    return PipelineRun(Cost(2.0, 1.0), status, {"word_segments": heard}, {})


def _check(
    outcomes: Mapping[str, PipelineRun | RunError],
) -> tuple[list[Checked], list[tuple[bool, Mapping[str, str]]]]:
    asked: list[tuple[bool, Mapping[str, str]]] = []
    names = iter(step.name for step in STEPS)

    def run(cpu: bool, settings: Mapping[str, str]) -> PipelineRun:
        asked.append((cpu, settings))
        outcome = outcomes.get(next(names), _run("a b c", 3))
        if isinstance(outcome, RunError):
            raise outcome
        return outcome

    told: list[Checked] = []
    found = check(run, told.append)
    assert told == found
    return found, asked


def test_it_goes_down_with_the_gpu_s_memory_and_compares_formats_and_devices() -> None:
    found, asked = _check(
        {"GPU, float16": _run("a x c", 5), "GPU, float16, 6 GB": _run("a x c", 6, ("a smaller batch",))}
    )
    assert [cpu for cpu, _ in asked] == [True, *[False] * 6]
    assert [settings["ASR_COMPUTE_TYPE"] for _, settings in asked[:3]] == ["float32", "float32", "float16"]
    assert [settings.get("GPU_SIDE_BY_SIDE") for _, settings in asked[2:4]] == [None, "false"]
    assert [settings.get("GPU_MEMORY_LIMIT_GB") for _, settings in asked[3:]] == [None, "12", "8", "6"]
    assert [one.difference.other_words if one.difference else None for one in found] == [None, 0, 1, 1, 1, 1, 0]
    printed = [line for one in found for line in tables.checked(one)]
    told = "GPU, float32 2.0 s 3,072 MB against CPU, float32: 3 words, times and speakers equal"
    assert " ".join(printed[1].split()) == told
    assert printed[-1].split() == ["note:", "a", "smaller", "batch"]
    assert tables.verdict(found) == "most GPU memory: 6,144 MB, which fits a card of 16,384 MB"


def test_a_step_that_fails_is_told_and_the_others_are_tried() -> None:
    found, asked = _check({"GPU, float16": RunError("GPU_MEMORY_ERROR: no")})
    assert len(asked) == len(STEPS)
    assert list(tables.checked(found[2])) == [f"{'GPU, float16':22}failed: GPU_MEMORY_ERROR: no"]
    assert found[3].difference is None, "what it is compared with is not there"
    assert found[2].to_json()["error"] == "GPU_MEMORY_ERROR: no"


def test_more_than_the_card_has_is_told() -> None:
    found, _ = _check({"GPU, float32": _run("a b c", 17)})
    assert "does not fit a card of 16,384 MB" in tables.verdict(found)


@pytest.mark.parametrize(("limit", "fraction"), [(6.0, 0.375), (40.0, 1.0)])
def test_the_limit_is_a_fraction_of_the_card(monkeypatch: pytest.MonkeyPatch, limit: float, fraction: float) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1, 16 * GIB))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", seen.append)
    limit_gpu_memory(limit)
    assert seen == [fraction]


@pytest.mark.parametrize(("limit", "free"), [(None, 9), (40.0, 9), (6.0, 4)])
def test_free_is_what_is_left_of_the_card_and_of_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: float | None, free: int
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (9 * GIB, 16 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 2 * GIB)
    assert Libraries(PipelineSettings(gpu_memory_limit_gb=limit)).free_gpu_memory() == free * GIB
