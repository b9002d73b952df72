from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ecg_contract.stages import Stage
from ecg_dev.waiting import wait_until
from ecg_pipeline.analysis.progress import StatusBoard
from support.fake_engines import FakeReporter
from support.pipeline_process import make_job

JOB = make_job(Path("/x"), Path("/y"))


def wait_for_reports(reporter: FakeReporter, count: int) -> None:
    wait_until(lambda: len(reporter.statuses) >= count)


def test_a_silent_job_beats() -> None:
    reporter = FakeReporter()
    board = StatusBoard(JOB, reporter)
    board.enter(Stage.VAD)
    with board.beating(heartbeat_s=0.1, progress_s=60):
        wait_for_reports(reporter, 4)
    beats = [s.heartbeat_time for s in reporter.statuses]
    assert beats == sorted({b for b in beats if b})


def test_progress_inside_a_stage_is_told_at_most_each_interval() -> None:
    reporter = FakeReporter()
    board = StatusBoard(JOB, reporter)
    board.enter(Stage.TRANSCRIPTION)
    with board.beating(heartbeat_s=60, progress_s=0.05):
        for i in range(1000):
            board.advance(Stage.TRANSCRIPTION, i / 1000)
        wait_for_reports(reporter, 2)
    assert len(reporter.statuses) < 20
    assert reporter.statuses[-1].progress == 75.0


def test_an_early_stages_late_progress_is_ignored() -> None:
    board = StatusBoard(JOB, FakeReporter())
    board.enter(Stage.EMOTION)
    board.advance(Stage.VAD, 1.0)
    assert board.status.progress == 75.0


@given(st.lists(st.tuples(st.sampled_from(list(Stage)), st.floats(-1, 2)), max_size=20))
def test_progress_never_falls(steps: list[tuple[Stage, float]]) -> None:
    board, progress = StatusBoard(JOB, FakeReporter()), [0.0]
    for stage in Stage:
        board.enter(stage)
        for other, fraction in [(stage, 0.7), *steps]:
            board.advance(other, fraction)
            progress.append(board.status.progress)
    assert progress == sorted(progress)
    assert all(times.start_time for times in board.status.stages.values())
