"""What subtitles need of a `WireResult`: read from its JSON, the rest takes no memory."""

from pydantic import BaseModel, FiniteFloat

from ecg_contract.wire.models import WireSpeaker


class TranscriptWord(BaseModel):
    word: str
    start: FiniteFloat
    end: FiniteFloat


class TranscriptSegment(BaseModel):
    start_time: FiniteFloat
    end_time: FiniteFloat
    text: str
    speaker: WireSpeaker
    words: list[TranscriptWord]


class Transcript(BaseModel):
    """`Transcript.model_validate_json` reads it; raises ValidationError for what is no result."""

    segments: list[TranscriptSegment]
    language: str
