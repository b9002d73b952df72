"""The status of an attempt that another process took over after the download."""

from datetime import UTC, datetime, timedelta

from ecg_contract.host_protocol import PipelineStatus, StageTimes, continued
from ecg_contract.stages import Stage

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = BEGAN + timedelta(hours=1)
DOWNLOADED = PipelineStatus(attempt=2, stages={Stage.DOWNLOAD: StageTimes(start_time=BEGAN)}, progress=7.0)


def test_progress_does_not_fall_and_the_download_began_when_it_did() -> None:
    times = StageTimes(start_time=LATER, completion_time=LATER)
    decoding = PipelineStatus(attempt=2, stages={Stage.DOWNLOAD: times}, progress=1.0)
    shown = continued(DOWNLOADED, decoding)
    assert shown.progress == 7.0
    assert shown.stages[Stage.DOWNLOAD] == StageTimes(start_time=BEGAN, completion_time=LATER)


def test_later_stages_and_a_higher_progress_stay() -> None:
    stages = {Stage.DOWNLOAD: StageTimes(start_time=LATER), Stage.VAD: StageTimes(start_time=LATER)}
    shown = continued(DOWNLOADED, PipelineStatus(attempt=2, stage=Stage.VAD, stages=stages, progress=25.0))
    assert (shown.progress, shown.stage) == (25.0, Stage.VAD)
    assert shown.stages[Stage.VAD] == stages[Stage.VAD]


def test_nothing_is_taken_over_from_another_attempt_or_from_one_that_reported_nothing() -> None:
    status = PipelineStatus(attempt=3, progress=1.0)
    assert continued(DOWNLOADED, status) == status
    assert continued(PipelineStatus(attempt=3), status) == status
    assert continued(None, status) == status
