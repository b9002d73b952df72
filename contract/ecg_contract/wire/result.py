"""Converts an analysis result to the specification's `result`."""

import math
from collections.abc import Iterable
from typing import Any

from ecg_contract.result import AnalysisResult, Emotion, Segment, Word
from ecg_contract.wire import models as wire

Values = dict[str, Any]
"""The fields of a model."""
_DECIMALS = 3


def to_wire(result: AnalysisResult) -> wire.WireResult:
    """The specification's `result`; every number is finite and every time lies inside the media.

    The models are made in one pass over plain values: one by one, those of 50,000 words take half a second more.
    """
    end = _finite(result.duration)
    words = [[(word, *_span(word.start, word.end, end)) for word in segment.words] for segment in result.segments]
    return wire.WireResult.model_validate(
        {
            "segments": [_segment(segment, own, end) for segment, own in zip(result.segments, words, strict=True)],
            "word_segments": [_word_segment(*word) for own in words for word in own],
            "speakers": _speakers(result.segments, end),
            "text": " ".join(s.text.strip() for s in result.segments),
            "language": result.language_detected,
            "duration": end,
            "metadata": wire.WireMetadata(
                model_version=result.model_version,
                processing_time=_finite(result.processing_time),
                unique_speakers=len(result.speakers),
                total_segments=len(result.segments),
                language_requested=result.language_requested,
                language_detected=result.language_detected,
                processing_mode=processing_mode(result.language_requested),
                device=result.device,
                notes=list(result.notes) or None,
                request_metadata=dict(result.request_metadata) or None,
                waveform=list(result.waveform) or None,
            ),
        }
    )


def wire_json(result: AnalysisResult) -> bytes:
    """The final wire JSON in UTF-8; hosts store and send these bytes unparsed."""
    return to_wire(result).model_dump_json(exclude_none=True).encode()


def processing_mode(language_requested: str) -> wire.ProcessingMode:
    return "auto-detect" if language_requested == "auto" else "targeted"


def _segment(segment: Segment, words: Iterable[tuple[Word, float, float]], duration: float) -> Values:
    start, end = _span(segment.start, segment.end, duration)
    return {
        "start_time": start,
        "end_time": end,
        "text": segment.text,
        "speaker": {"speaker_id": segment.speaker},
        "words": [_word(*word) for word in words],
        "emotion": _emotion(segment.emotion),
    }


def _word(word: Word, start: float, end: float) -> Values:
    features = {
        "volume_db": _finite(word.features.volume_db),
        "pitch_hz": _finite(word.features.pitch_hz),
        "spectral_centroid": _finite(word.features.spectral_centroid),
    }
    return {"word": word.text, "start": start, "end": end, "acoustic_features": features}


def _word_segment(word: Word, start: float, end: float) -> Values:
    return {
        "word": word.text,
        "start_time": start,
        "end_time": end,
        "speaker_id": word.speaker,
        "confidence": _finite(word.score),
    }


def _emotion(emotion: Emotion | None) -> Values | None:
    return {"label": emotion.label, "confidence": _finite(emotion.confidence)} if emotion else None


def _speakers(segments: Iterable[Segment], duration: float) -> dict[str, wire.WireSpeakerStatistics]:
    totals: dict[str, tuple[float, int]] = {}
    for segment in segments:
        start, end = _span(segment.start, segment.end, duration)
        seconds, count = totals.get(segment.speaker, (0.0, 0))
        totals[segment.speaker] = (seconds + end - start, count + 1)
    return {
        speaker: wire.WireSpeakerStatistics(total_duration=_finite(seconds), segment_count=count)
        for speaker, (seconds, count) in totals.items()
    }


def _span(start: float, end: float, duration: float) -> tuple[float, float]:
    """Start and end in order and inside the media."""
    first = min(max(_finite(start), 0.0), duration)
    return first, min(max(_finite(end), first), duration)


def _finite(value: float) -> float:
    number = float(value)  # may be a numpy float
    return round(number, _DECIMALS) if math.isfinite(number) else 0.0
