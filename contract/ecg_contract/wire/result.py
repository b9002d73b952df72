"""Converts an analysis result to the specification's `result`."""

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from pydantic import TypeAdapter

from ecg_contract.result import AnalysisResult, Emotion, Segment, Word
from ecg_contract.wire import models as wire

Values = dict[str, Any]
"""The fields of a model."""
T = TypeVar("T")
_SEGMENTS = TypeAdapter(list[wire.WireSegment])
_WORD_SEGMENTS = TypeAdapter(list[wire.WireWordSegment])
_DECIMALS = 3
_BLOCK = 500
"""Segments, or words, of which the models are made at a time."""
_NO_ITEMS = b'{"segments":[],"word_segments":[],'
"""How a result without segments and words begins."""


def wire_json(result: AnalysisResult) -> bytes:
    """The specification's `result` in UTF-8; hosts store and send these bytes unparsed.

    Every number is finite and every time lies inside the media. The segments' and words' models are made and written in
    blocks: those of ten hours at once take 0.3 GB, and one by one those of 50,000 words take half a second more.
    """
    return b"".join(_pieces(result))


def processing_mode(language_requested: str) -> wire.ProcessingMode:
    return "auto-detect" if language_requested == "auto" else "targeted"


def _pieces(result: AnalysisResult) -> Iterator[bytes]:
    end = _finite(result.duration)
    segments = (_segment(segment, end) for segment in result.segments)
    words = (_word_segment(word, end) for segment in result.segments for word in segment.words)
    yield b'{"segments":['
    yield from _items(_SEGMENTS, segments)
    yield b'],"word_segments":['
    yield from _items(_WORD_SEGMENTS, words)
    yield b"],"
    yield _without_items(result, end).model_dump_json(exclude_none=True).encode().removeprefix(_NO_ITEMS)


def _items(models: TypeAdapter[list[T]], values: Iterable[Values]) -> Iterator[bytes]:
    """The items of a JSON array."""
    rest, before = iter(values), b""
    while block := list(islice(rest, _BLOCK)):
        yield before + models.dump_json(models.validate_python(block), exclude_none=True)[1:-1]
        before = b","


def _without_items(result: AnalysisResult, end: float) -> wire.WireResult:
    return wire.WireResult(
        segments=[],
        word_segments=[],
        speakers=_speakers(result.segments, end),
        text=" ".join(s.text.strip() for s in result.segments),
        language=result.language_detected,
        duration=end,
        metadata=wire.WireMetadata(
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
    )


def _segment(segment: Segment, duration: float) -> Values:
    start, end = _span(segment.start, segment.end, duration)
    return {
        "start_time": start,
        "end_time": end,
        "text": segment.text,
        "speaker": {"speaker_id": segment.speaker},
        "words": [_word(word, duration) for word in segment.words],
        "emotion": _emotion(segment.emotion),
    }


def _word(word: Word, duration: float) -> Values:
    start, end = _span(word.start, word.end, duration)
    features = {
        "volume_db": _finite(word.features.volume_db),
        "pitch_hz": _finite(word.features.pitch_hz),
        "spectral_centroid": _finite(word.features.spectral_centroid),
    }
    return {"word": word.text, "start": start, "end": end, "acoustic_features": features}


def _word_segment(word: Word, duration: float) -> Values:
    start, end = _span(word.start, word.end, duration)
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
