"""The seven stages of a job: the specification's percentages and messages.

A stage's callback is due when the stage begins. Two stages differ: download is due when it is complete, and
`completed` when the job ends.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """A stage, in the order of the specification; `progress` is in percent, `message` is the wire's Korean text."""

    DOWNLOAD = "download"
    VAD = "vad"
    DIARIZATION = "diarization"
    TRANSCRIPTION = "transcription"
    EMOTION = "emotion"
    FINALIZE = "finalize"
    COMPLETED = "completed"

    @property
    def progress(self) -> int:
        return _PROGRESS_AND_MESSAGE[self][0]

    @property
    def message(self) -> str:
        return _PROGRESS_AND_MESSAGE[self][1]


_PROGRESS_AND_MESSAGE = {
    Stage.DOWNLOAD: (10, "비디오 다운로드 완료"),
    Stage.VAD: (25, "음성 구간 감지 중..."),
    Stage.DIARIZATION: (40, "화자 식별 중..."),
    Stage.TRANSCRIPTION: (60, "음성을 텍스트로 변환 중..."),
    Stage.EMOTION: (75, "감정 분석 중..."),
    Stage.FINALIZE: (90, "결과 정리 중..."),
    Stage.COMPLETED: (100, "분석 완료"),
}


class StageClock(Protocol):
    """Start and end of a stage; None until then."""

    @property
    def start_time(self) -> datetime | None: ...
    @property
    def completion_time(self) -> datetime | None: ...


def reached_stages(stages: Mapping[Stage, StageClock]) -> tuple[Stage, ...]:
    """The stages whose progress callback is due, in order, without `COMPLETED`: its callback is the terminal one."""
    return tuple(s for s in Stage if s is not Stage.COMPLETED and _is_reached(s, stages.get(s)))


def _is_reached(stage: Stage, clock: StageClock | None) -> bool:
    if clock is None:
        return False
    moment = clock.completion_time if stage is Stage.DOWNLOAD else clock.start_time
    return moment is not None
