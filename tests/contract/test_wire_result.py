"""Results: exactly the specification's keys, finite numbers, times inside the media."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_contract.result import AcousticFeatures, AnalysisResult, Emotion, Segment, Word
from ecg_contract.wire.models import WireResult
from ecg_contract.wire.result import wire_json
from support.long_result import long_result

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


def result(*segments: Segment, language_requested: str = "auto") -> AnalysisResult:
    return AnalysisResult(
        segments=segments,
        duration=10.0,
        language_requested=language_requested,
        language_detected="ko",
        model_version="whisperx-base",
        device="cpu",
        processing_time=1.5,
    )


def word(start: float = 1.5, end: float = 1.8, volume: float = -20.0) -> Word:
    return Word("안녕하세요", start, end, 0.95, "SPEAKER_00", AcousticFeatures(volume, 150.0, 1500.0))


def segment(*words: Word, speaker: str = "SPEAKER_00", emotion: Emotion | None = None) -> Segment:
    return Segment(1.5, 3.2, "안녕하세요", speaker, words, emotion)


def test_the_result_has_the_shape_of_the_specification() -> None:
    assert json.loads(wire_json(result(segment(word())))) == {
        "segments": [
            {
                "start_time": 1.5,
                "end_time": 3.2,
                "text": "안녕하세요",
                "speaker": {"speaker_id": "SPEAKER_00"},
                "words": [
                    {
                        "word": "안녕하세요",
                        "start": 1.5,
                        "end": 1.8,
                        "acoustic_features": {"volume_db": -20.0, "pitch_hz": 150.0, "spectral_centroid": 1500.0},
                    }
                ],
            }
        ],
        "word_segments": [
            {"word": "안녕하세요", "start_time": 1.5, "end_time": 1.8, "speaker_id": "SPEAKER_00", "confidence": 0.95}
        ],
        "speakers": {"SPEAKER_00": {"total_duration": 1.7, "segment_count": 1}},
        "text": "안녕하세요",
        "language": "ko",
        "duration": 10.0,
        "metadata": {
            "model_version": "whisperx-base",
            "processing_time": 1.5,
            "unique_speakers": 1,
            "total_segments": 1,
            "language_requested": "auto",
            "language_detected": "ko",
            "processing_mode": "auto-detect",
            "device": "cpu",
        },
    }


def test_an_emotion_stands_inside_its_segment() -> None:
    wire = json.loads(wire_json(result(segment(word(), emotion=Emotion("happy", 0.5)))))
    assert wire["segments"][0]["emotion"] == {"label": "happy", "confidence": 0.5}


def test_a_named_language_is_targeted() -> None:
    assert json.loads(wire_json(result(language_requested="ko")))["metadata"]["processing_mode"] == "targeted"


def test_no_speech_is_an_empty_result() -> None:
    wire = json.loads(wire_json(result()))
    assert (wire["segments"], wire["word_segments"], wire["speakers"], wire["text"]) == ([], [], {}, "")


def test_speaker_statistics_sum_the_segments_of_each() -> None:
    wire = json.loads(wire_json(result(segment(), segment(speaker="SPEAKER_01"), segment())))
    assert wire["speakers"] == {
        "SPEAKER_00": {"total_duration": 3.4, "segment_count": 2},
        "SPEAKER_01": {"total_duration": 1.7, "segment_count": 1},
    }


@pytest.mark.parametrize("words", [10, 490, 500, 510, 5_000, 5_010])
def test_results_of_any_length_are_those_of_their_models(words: int) -> None:
    long = long_result(words)
    data = wire_json(long)
    parsed = WireResult.model_validate_json(data)
    assert data == parsed.model_dump_json(exclude_none=True).encode()
    assert [s.text for s in parsed.segments] == [s.text for s in long.segments]
    assert [w.word for w in parsed.word_segments] == [w.text for s in long.segments for w in s.words]


@given(ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)
def test_every_number_is_finite_and_every_word_inside_the_media(start: float, end: float, volume: float) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    wire = json.loads(wire_json(result(segment(word(start, end, volume)))), parse_constant=refuse)
    placed = wire["segments"][0]["words"][0]
    assert 0.0 <= placed["start"] <= placed["end"] <= 10.0
    assert math.isfinite(placed["acoustic_features"]["volume_db"])
