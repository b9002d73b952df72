"""A small analysis result, as the pipeline stores it."""

import json
from pathlib import Path
from typing import Any

from ecg_contract.result import AcousticFeatures, AnalysisResult, Segment, Word
from ecg_contract.wire.result import wire_json

HELLO = Word("안녕하세요", 1.5, 1.8, 0.95, "SPEAKER_00", AcousticFeatures(-20.0, 150.0, 1500.0))


def result_json(text: str = "", **changes: Any) -> bytes:
    """The wire JSON of a result without segments."""
    fields: dict[str, Any] = {
        "segments": [],
        "word_segments": [],
        "speakers": {},
        "text": text,
        "language": "ko",
        "duration": 1.5,
        "metadata": {},
    }
    return json.dumps(fields | changes, ensure_ascii=False).encode()


def small_result() -> AnalysisResult:
    """One segment of one word, of one speaker."""
    return AnalysisResult(
        segments=[Segment(1.5, 3.2, "안녕하세요", "SPEAKER_00", [HELLO])],
        duration=120.5,
        language_requested="ko",
        language_detected="ko",
        model_version="whisperx-base",
        device="cpu",
        processing_time=32.1,
    )


def stored_result(folder: Path) -> Path:
    path = folder / "result.json"
    path.write_bytes(wire_json(small_result()))
    return path
