import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ecg_contract.stages import Stage
from ecg_dev.waiting import wait_until
from ecg_pipeline.analysis.progress import ProgressReporter
from support.fake_engines import FakeReporter
from support.pipeline_process import make_job

JOB = make_job(Path("/x"), Path("/y"))


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_silent_job_is_reported_every_heartbeat() -> None:
    reporter, clock = FakeReporter(), Clock()
    progress = ProgressReporter(JOB, reporter, clock)
    progress.enter(Stage.VAD)
    for second in range(1, 61):
        clock.seconds = second
        progress.report_if_due(heartbeat_s=20, progress_s=60)
    assert len(reporter.statuses) == 4
    beats = [s.heartbeat_time for s in reporter.statuses]
    assert beats == sorted({b for b in beats if b})


def test_heartbeats_are_sent_while_their_context_is_open() -> None:
    reporter = FakeReporter()
    progress = ProgressReporter(JOB, reporter)
    progress.enter(Stage.VAD)
    with progress.heartbeats(heartbeat_s=0.01, progress_s=60):
        wait_until(lambda: len(reporter.statuses) >= 4)
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_progress_inside_a_stage_is_reported_at_most_once_per_interval() -> None:
    reporter, clock = FakeReporter(), Clock()
    progress = ProgressReporter(JOB, reporter, clock)
    progress.enter(Stage.TRANSCRIPTION)
    for i in range(1000):
        clock.seconds = i / 100
        progress.advance(Stage.TRANSCRIPTION, i / 1000)
        progress.report_if_due(heartbeat_s=60, progress_s=5)
    assert len(reporter.statuses) == 2
    clock.seconds = 10
    progress.report_if_due(heartbeat_s=60, progress_s=5)
    assert len(reporter.statuses) == 3
    assert reporter.statuses[-1].progress == 75.0


def test_an_early_stages_late_progress_is_ignored() -> None:
    progress = ProgressReporter(JOB, FakeReporter())
    progress.enter(Stage.EMOTION)
    progress.advance(Stage.VAD, 1.0)
    assert progress.status.progress == 75.0


@given(st.lists(st.tuples(st.sampled_from(list(Stage)), st.floats(-1, 2)), max_size=20))
def test_progress_never_falls(steps: list[tuple[Stage, float]]) -> None:
    progress, percentages = ProgressReporter(JOB, FakeReporter()), [0.0]
    for stage in Stage:
        progress.enter(stage)
        for other, fraction in [(stage, 0.7), *steps]:
            progress.advance(other, fraction)
            percentages.append(progress.status.progress)
    assert percentages == sorted(percentages)
    assert all(times.start_time for times in progress.status.stages.values())
