"""The seven stages, and when each one's callback is due."""

from datetime import UTC, datetime

import pytest

from ecg_contract.errors import ErrorCode, ExitCode, error_code_of, exit_code_of
from ecg_contract.host_protocol import StageTimes
from ecg_contract.stages import Stage, reached_stages

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_stages_are_those_of_the_specification() -> None:
    assert [(s.progress, s.message) for s in Stage] == [
        (10, "비디오 다운로드 완료"),
        (25, "음성 구간 감지 중..."),
        (40, "화자 식별 중..."),
        (60, "음성을 텍스트로 변환 중..."),
        (75, "감정 분석 중..."),
        (90, "결과 정리 중..."),
        (100, "분석 완료"),
    ]


def test_the_download_is_reached_when_it_is_complete() -> None:
    assert reached_stages({Stage.DOWNLOAD: StageTimes(start_time=NOW)}) == ()
    assert reached_stages({Stage.DOWNLOAD: StageTimes(start_time=NOW, completion_time=NOW)}) == (Stage.DOWNLOAD,)


def test_another_stage_is_reached_when_it_begins() -> None:
    begun = {stage: StageTimes(start_time=NOW) for stage in (Stage.DIARIZATION, Stage.VAD)}
    assert reached_stages(begun) == (Stage.VAD, Stage.DIARIZATION)


def test_the_last_stage_is_never_reached_by_its_times() -> None:
    assert reached_stages({Stage.COMPLETED: StageTimes(start_time=NOW, completion_time=NOW)}) == ()


@pytest.mark.parametrize("code", list(ErrorCode))
def test_exit_codes_and_error_codes_name_each_other(code: ErrorCode) -> None:
    assert error_code_of(exit_code_of(code)) is code


@pytest.mark.parametrize("status", [ExitCode.OK, ExitCode.FENCED, 1, 137])
def test_other_exit_codes_name_no_error(status: int) -> None:
    assert error_code_of(status) is None
