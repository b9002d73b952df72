"""The interfaces that the analysis uses: models, reporter and result sink. `engines` and `hosts` implement them.

Times are seconds from the start of the samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ecg_contract.host_protocol import PipelineJob, PipelineStatus
from ecg_contract.result import Emotion, SpeakerTurn

SAMPLE_RATE = 16_000

Samples = npt.NDArray[np.float32]
"""Shape (n,), mono, at SAMPLE_RATE."""
OnProgress = Callable[[float], None]
"""Called with the completed share of the work, 0..1."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of speech that fits Whisper's window of 30 s."""

    start: float
    end: float
    regions: Sequence[tuple[float, float]] = ()
    """Start and end of each region of speech in the chunk."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """The text of a chunk or of a part of it."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """A word from the aligner, which gives digits and symbols no times or score."""

    text: str
    start: float | None = None
    end: float | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an utterance with its words."""

    start: float
    end: float
    text: str
    words: Sequence[AlignedWord] = ()


@dataclass(frozen=True, slots=True)
class SpeakerCounts:
    """How many people speak: exactly, at least, at most, as far as it is known."""

    exactly: int | None = None
    least: int | None = None
    most: int | None = None


def cut(samples: Samples, span: Chunk | Utterance | Sentence) -> Samples:
    return samples[int(span.start * SAMPLE_RATE) : int(span.end * SAMPLE_RATE)]


@dataclass(frozen=True, slots=True)
class ModelDownload:
    """How far the download of a model is."""

    model: str
    bytes: int
    total_bytes: int
    """0 where the hub does not say."""
    seconds: float
    """Since it began."""
    is_over: bool = False


OnModelDownload = Callable[[ModelDownload], None]


@dataclass(frozen=True, slots=True)
class SpeechHints:
    """What is known about the speech before it is recognized."""

    language: str
    vocabulary: str = ""
    """Names and terms that may be said, separated by commas."""


class VoiceActivity(Protocol):
    def find(self, samples: Samples) -> Sequence[Chunk]: ...


class Transcriber(Protocol):
    def detect_language(self, samples: Samples, chunks: Sequence[Chunk]) -> str: ...

    def transcribe(
        self, samples: Samples, chunks: Sequence[Chunk], hints: SpeechHints, batch_size: int, on_progress: OnProgress
    ) -> Sequence[Utterance]: ...

    def working_bytes(self, batch_size: int) -> int:
        """Memory that a transcription takes on a GPU beside the weights, rather too much than too little."""
        ...


class Aligner(Protocol):
    def align(
        self, samples: Samples, utterances: Sequence[Utterance], on_progress: OnProgress
    ) -> Sequence[Sentence]: ...


class Diarizer(Protocol):
    def turns(
        self, samples: Samples, speakers: SpeakerCounts, batch_share: float, on_progress: OnProgress
    ) -> Sequence[SpeakerTurn]:
        """`batch_share` scales the configured batch sizes, for a GPU that is short of memory."""
        ...

    def working_bytes(self) -> int:
        """Memory that a diarization takes on a GPU beside the weights, rather too much than too little."""
        ...


class EmotionClassifier(Protocol):
    def classify(self, clips: Sequence[Samples], batch_size: int, on_progress: OnProgress) -> Sequence[Emotion]: ...


class Engines(Protocol):
    """Loads models; raises ModelFault, or whatever the library raises. `device` is "cuda" or "cpu"."""

    def watch_downloads(self, listener: OnModelDownload) -> None:
        """Have `listener` called from now on, in the thread that loads, while a model is downloaded."""
        ...

    def use_cores(self, most: int) -> int:
        """Compute on at most that many cores of the CPU from now on; returns how many there are."""
        ...

    def device(self, wanted: str) -> str: ...

    def compute_type(self, device: str) -> str:
        """The fastest number format for Whisper that `device` supports."""
        ...

    def free_gpu_memory(self) -> int:
        """Bytes."""
        ...

    def warm_up(self) -> None:
        """Import the libraries that every job needs."""
        ...

    def voice_activity(self, device: str) -> VoiceActivity: ...

    def transcriber(self, name: str, device: str, compute_type: str, *, cached_only: bool = False) -> Transcriber:
        """With `cached_only` nothing is downloaded."""
        ...

    def aligner(self, language: str, name: str, device: str) -> Aligner: ...

    def diarizer(self, device: str) -> Diarizer: ...

    def emotion_classifier(self, name: str, device: str) -> EmotionClassifier: ...


class Reporter(Protocol):
    def report(self, job_id: str, status: PipelineStatus) -> None: ...

    def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None: ...


class ResultSink(Protocol):
    def store(self, job: PipelineJob, data: bytes) -> str:
        """Store the result durably and return its location."""
        ...
