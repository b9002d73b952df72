"""Recognition and diarization on one GPU: beside each other where its memory suffices, else in turn."""

from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from ecg_contract.host_protocol import PipelineStatus
from ecg_pipeline.analysis.gpu_turns import GpuTurns
from support.fake_engines import FakeEngines, FakeReporter
from support.fake_host import OUT_OF_MEMORY, host

ENOUGH, TOO_LITTLE = 5 * 10**9, 4 * 10**9
"""Two GB for the fake models' work and 2.5 for those that load later."""
WAIT_S = 20.0
Call = tuple[object, ...]


def calls(engines: FakeEngines, *names: str) -> list[Call]:
    return [call for call in engines.calls if call[0] in names]


def both_at_once(then: Callable[[Call], None] = lambda _: None) -> Callable[..., None]:
    """Has the first recognition and the first diarization wait for each other."""
    meeting, met = Barrier(2), set[object]()

    def script(*call: object) -> None:
        if call[0] in ("transcribe", "turns") and call[0] not in met:
            met.add(call[0])
            meeting.wait(WAIT_S)
            then(call)

    return script


def test_where_the_memory_suffices_both_run_at_once(tmp_path: Path) -> None:
    code, status = host(tmp_path, FakeEngines(both_at_once(), gpu=True, gpu_bytes=ENOUGH)).run(language="en")
    assert (code, status.notes) == (0, ())


@pytest.mark.parametrize(
    ("free", "settings"), [(TOO_LITTLE, {}), (ENOUGH, {"gpu_side_by_side": False})], ids=["too little", "not wanted"]
)
def test_else_the_recognition_waits_for_the_diarization(tmp_path: Path, free: int, settings: dict[str, Any]) -> None:
    engines = FakeEngines(gpu=True, gpu_bytes=free)
    assert host(tmp_path, engines, **settings).run(language="en")[0] == 0
    assert [call[0] for call in calls(engines, "turns found", "transcribe")] == ["turns found", "transcribe"]


@pytest.mark.parametrize("short", ["transcribe", "turns"])
def test_who_runs_out_of_memory_tries_the_same_alone(tmp_path: Path, short: str) -> None:
    def then(call: Call) -> None:
        if call[0] == short:
            raise OUT_OF_MEMORY

    engines = FakeEngines(both_at_once(then), gpu=True, gpu_bytes=ENOUGH)
    code, status = host(tmp_path, engines).run(language="en")
    assert code == 0
    what = {"transcribe": "transcription", "turns": "diarization"}[short]
    assert status.notes == (f"{what}: GPU memory did not suffice beside other work, trying it alone",)
    first, second = calls(engines, short)
    assert first == second, "nothing is made smaller"


def test_only_alone_the_batches_get_smaller(tmp_path: Path) -> None:
    meet = both_at_once()

    def script(*call: object) -> None:
        meet(*call)
        if call[:1] == ("transcribe",) and call[-1] == 8:
            raise OUT_OF_MEMORY

    engines = FakeEngines(script, gpu=True, gpu_bytes=ENOUGH)
    assert host(tmp_path, engines, asr_batch_size=8).run(language="en")[0] == 0
    assert [call[-1] for call in calls(engines, "transcribe")] == [8, 8, 4]


def test_a_failed_diarization_ends_the_recognition_beside_it(tmp_path: Path) -> None:
    def then(call: Call) -> None:
        if call[0] == "turns":
            raise ValueError("broken")

    engines = FakeEngines(both_at_once(then), gpu=True, gpu_bytes=ENOUGH, recognition_steps=10**7)
    code, status = host(tmp_path, engines).run(language="en")
    assert code == 12
    assert "broken" in str(status.error)
    assert not calls(engines, "align"), "the recognition did not come to its end"
    assert status.notes == ()


def test_a_failed_diarization_does_not_wait_for_a_whisper_that_still_loads(tmp_path: Path) -> None:
    reported = Event()

    def script(*call: object) -> None:
        if call[:2] == ("load", "transcriber"):
            assert reported.wait(WAIT_S), "the job was not over while the model loaded"
        if call[0] == "turns":
            raise ValueError("broken")

    class Reporter(FakeReporter):
        def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
            super().finished(job_id, status, exit_code)
            reported.set()

    engines = FakeEngines(script)
    assert host(tmp_path, engines, Reporter()).run(language="en")[0] == 12
    assert not calls(engines, "transcribe")


def test_after_a_failed_diarization_a_recognition_that_waits_does_not_begin(tmp_path: Path) -> None:
    def script(*call: object) -> None:
        if call[0] == "turns":
            raise ValueError("broken")

    engines = FakeEngines(script, gpu=True, gpu_bytes=TOO_LITTLE)
    assert host(tmp_path, engines).run(language="en")[0] == 12
    assert not calls(engines, "transcribe")


def test_who_tries_it_alone_waits_for_the_others() -> None:
    turns, tried = GpuTurns(lambda _: None), list[str]()
    both, one_failed, other_goes_on = Barrier(2), Event(), Event()

    def short() -> None:
        tried.append("short")
        if len(tried) == 1:
            both.wait(WAIT_S)
            one_failed.set()
            raise OUT_OF_MEMORY
        tried.append("over")

    def other() -> None:
        both.wait(WAIT_S)
        assert other_goes_on.wait(WAIT_S)
        tried.append("other")

    threads = [Thread(target=turns.run, args=("x", work)) for work in (short, other)]
    for thread in threads:
        thread.start()
    assert one_failed.wait(WAIT_S)
    other_goes_on.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert tried == ["short", "other", "short", "over"]


def test_an_error_of_another_kind_is_not_tried_again() -> None:
    def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        GpuTurns(lambda _: None).run("x", broken)


def test_without_company_it_is_not_tried_again() -> None:
    tried = []

    def short() -> None:
        tried.append(1)
        raise OUT_OF_MEMORY

    with pytest.raises(RuntimeError, match="out of memory"):
        GpuTurns(lambda _: None).run("x", short)
    assert tried == [1]
