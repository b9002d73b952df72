"""Engines without models, which return fixed results and fail where a test's script does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ecg_contract.host_protocol import PipelineStatus
from ecg_contract.result import Emotion, SpeakerTurn
from ecg_pipeline.ports import (
    AlignedWord,
    Chunk,
    OnModelDownload,
    OnProgress,
    Samples,
    Sentence,
    SpeakerCounts,
    SpeechHints,
    Utterance,
)

Script = Callable[..., None]


def nothing(*_: object) -> None:
    """The script that never fails."""


@dataclass
class FakeEngines:
    """`on(what, *details)` is called before each piece of work; what it raises is raised by the engine."""

    on: Script = nothing
    gpu: bool = False
    gpu_bytes: int = 0
    """Free memory of the GPU; each model takes a GB to work."""
    speech: bool = True
    diarization_steps: int = 0
    recognition_steps: int = 1
    calls: list[tuple[object, ...]] = field(default_factory=list)
    hints: SpeechHints | None = None
    speakers: SpeakerCounts | None = None

    def record(self, *call: object) -> None:
        self.calls.append(call)
        self.on(*call)

    def device(self, wanted: str) -> str:
        return "cuda" if self.gpu and wanted == "auto" else "cpu"

    def compute_type(self, device: str) -> str:
        return "float16" if device == "cuda" else "int8"

    def free_gpu_memory(self) -> int:
        return self.gpu_bytes

    def warm_up(self) -> None:
        self.record("warm_up")

    def voice_activity(self, device: str) -> "FakeWorker":
        return self._loaded("vad", device)

    def watch_downloads(self, listener: OnModelDownload) -> None:
        self.on_download = listener

    def use_cores(self, most: int) -> int:
        self.record("use_cores", most)
        return min(most, 2)

    def transcriber(self, name: str, device: str, compute_type: str, *, cached_only: bool = False) -> "FakeWorker":
        return self._loaded("transcriber", name, compute_type)

    def aligner(self, language: str, name: str, device: str) -> "FakeWorker":
        return self._loaded("aligner", language)

    def diarizer(self, device: str) -> "FakeWorker":
        return self._loaded("diarizer", device)

    def emotion_classifier(self, name: str, device: str) -> "FakeWorker":
        return self._loaded("emotion", name)

    def _loaded(self, kind: str, *details: object) -> "FakeWorker":
        self.record("load", kind, *details)
        return FakeWorker(self, details)


@dataclass
class FakeWorker:
    """All of the model ports."""

    engines: FakeEngines
    details: tuple[object, ...]

    def find(self, samples: Samples) -> Sequence[Chunk]:
        self.engines.record("find")
        return [Chunk(0.0, 1.0, [(0.0, 1.0)])] if self.engines.speech else []

    def detect_language(self, samples: Samples, chunks: Sequence[Chunk]) -> str:
        return "fr"

    def transcribe(
        self, samples: Samples, chunks: Sequence[Chunk], hints: SpeechHints, batch_size: int, on_progress: OnProgress
    ) -> Sequence[Utterance]:
        self.engines.hints = hints
        self.engines.record("transcribe", *self.details, batch_size)
        for step in range(self.engines.recognition_steps):
            on_progress((step + 1) / self.engines.recognition_steps)
        return [Utterance(c.start, c.end, "Hello there.") for c in chunks]

    def working_bytes(self, batch_size: int = 1) -> int:
        return 10**9

    def align(self, samples: Samples, utterances: Sequence[Utterance], on_progress: OnProgress) -> Sequence[Sentence]:
        self.engines.record("align")
        words = [AlignedWord("Hello", 0.1, 0.4, 0.9), AlignedWord("there.", 0.5, 0.9, 0.8)]
        return [Sentence(u.start, u.end, u.text, words) for u in utterances]

    def turns(
        self, samples: Samples, speakers: SpeakerCounts, batch_share: float, on_progress: OnProgress
    ) -> Sequence[SpeakerTurn]:
        self.engines.speakers = speakers
        self.engines.record("turns", batch_share)
        for step in range(self.engines.diarization_steps):
            on_progress(step / self.engines.diarization_steps)
        self.engines.record("turns found")
        return [SpeakerTurn(0.0, 0.45, "x"), SpeakerTurn(0.45, 1.0, "y")]

    def classify(self, clips: Sequence[Samples], batch_size: int, on_progress: OnProgress) -> Sequence[Emotion]:
        self.engines.record("classify", len(clips), batch_size)
        return [Emotion("neutral", 0.9) for _ in clips]


@dataclass
class FakeReporter:
    """Collects the reports."""

    statuses: list[PipelineStatus] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)

    def report(self, job_id: str, status: PipelineStatus) -> None:
        self.statuses.append(status)

    def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
        self.statuses.append(status)
        self.exit_codes.append(exit_code)
