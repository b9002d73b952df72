"""The result of an analysis in the terms of speech processing; `wire` has the specification's names.

Times are seconds from the start of the media, as floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AcousticFeatures:
    """How a word sounds: level in dB re full scale, median pitch (0.0 where unvoiced), spectral centroid in Hz."""

    volume_db: float
    pitch_hz: float
    spectral_centroid: float


@dataclass(frozen=True, slots=True)
class Word:
    """One aligned word; `score` in 0..1 is the aligner's confidence."""

    text: str
    start: float
    end: float
    score: float
    speaker: str
    features: AcousticFeatures


@dataclass(frozen=True, slots=True)
class Emotion:
    """A label from the model's own `id2label`, with its probability."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """An uninterrupted stretch of one speaker."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A transcribed stretch, about a sentence long, of one speaker."""

    start: float
    end: float
    text: str
    speaker: str
    words: Sequence[Word] = ()
    emotion: Emotion | None = None


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """The complete result of one analysis."""

    segments: Sequence[Segment]
    duration: float
    language_requested: str
    language_detected: str
    model_version: str
    device: str
    processing_time: float
    notes: Sequence[str] = ()
    """Fallbacks taken, and other circumstances that a reader of the result should know."""
    request_metadata: Mapping[str, str] = field(default_factory=dict)
    """The request's own names and values."""
    waveform: Sequence[int] = ()
    """The largest sample of each of equal stretches, in percent of full scale."""

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speaker ids in the order of first appearance."""
        return tuple(dict.fromkeys(segment.speaker for segment in self.segments))
