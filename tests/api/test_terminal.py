"""Terminal output: a progress bar on a terminal, lines elsewhere, the transcript."""

import io
from typing import Any

from ecg_api.cli.terminal import Progress, transcript


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_one_line_redrawn() -> None:
    stream = _Terminal()
    progress = Progress(stream)
    progress.show(25, "음성 구간 감지 중...")
    progress.show(100, "분석 완료")
    progress.done()
    drawn = stream.getvalue()
    assert drawn.count("\n") == 1
    assert drawn.rpartition("\r")[2] == "█" * 28 + " 100%  분석 완료\x1b[K\n"


def test_a_file_gets_a_line_per_message() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for percent in (25.0, 30.0, 40.0):
        progress.show(percent, "화자 식별 중..." if percent == 40 else "음성 구간 감지 중...")
    progress.done()
    assert stream.getvalue() == " 25%  음성 구간 감지 중...\n 40%  화자 식별 중...\n"


def _result(**fields: Any) -> dict[str, Any]:
    metadata = {"model_version": "whisperx-base"}
    empty = {"segments": [], "word_segments": [], "speakers": {}, "metadata": metadata}
    return {**empty, "duration": 3725.5, "language": "ko", **fields}


def test_a_segment_is_a_line_with_times_speaker_and_emotion() -> None:
    segment = {
        "start_time": 3661.25,
        "end_time": 3662.0,
        "text": " 안녕 ",
        "speaker": {"speaker_id": "SPEAKER_01"},
        "emotion": {"label": "happy", "confidence": 0.9},
    }
    lines = list(transcript(_result(segments=[segment], speakers={"SPEAKER_01": {}})))
    assert lines[0] == "[1:01:01.25 - 1:01:02.00] SPEAKER_01 (happy): 안녕"
    assert lines[1] == "-- 1:02:05.50 of ko, 1 speaker(s), 0 words, by whisperx-base"


def test_silence_is_said_to_be() -> None:
    assert next(iter(transcript(_result()))) == "(no speech)"
