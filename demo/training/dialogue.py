"""Synthetic dialogues of held-out sentences, with their reference: who says which word when."""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from corpus import render
from espeak import SAMPLE_RATE, Synthesizer, Voice
from grammar import balanced
from numpy.typing import NDArray

VOICES = {
    "m3": Voice("m3", 150, 30, 45),
    "f4": Voice("f4", 155, 62, 50),
    "m7": Voice("m7", 150, 34, 45),
    "f2": Voice("f2", 150, 60, 50),
    "Andy": Voice("Andy", 155, 42, 50),
    "Annie": Voice("Annie", 155, 56, 50),
}


@dataclass(frozen=True)
class TrueWord:
    word: str
    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class TrueTurn:
    speaker: str
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Dialogue:
    """Samples (n,) at 16 kHz, and the words and turns in them; times in seconds."""

    language: str
    samples: NDArray[np.float32]
    words: tuple[TrueWord, ...]
    turns: tuple[TrueTurn, ...]

    @property
    def duration(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    def write_truth(self, path: Path) -> None:
        truth = {
            "language": self.language,
            "duration": round(self.duration, 3),
            "words": [_rounded(asdict(w)) for w in self.words],
            "turns": [_rounded(asdict(t)) for t in self.turns],
        }
        path.write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n")


def cast_of(names: Iterable[str], voices: Mapping[str, Voice] = VOICES) -> dict[str, Voice]:
    return {name: voices[name] for name in names}


def compose(
    synthesizer: Synthesizer,
    language: str,
    cast: Mapping[str, Voice],
    seed: int,
    *,
    seconds: float = 20.0,
) -> Dialogue:
    """A dialogue of at most `seconds`: the speakers of `cast` take turns, with pauses of 0.35 to 0.8 s between them."""
    speakers = list(cast)
    rng = random.Random(seed)
    pieces: list[NDArray[np.float32]] = [np.zeros(int(0.4 * SAMPLE_RATE), np.float32)]
    words: list[TrueWord] = []
    turns: list[TrueTurn] = []
    position = len(pieces[0])
    for i, text in enumerate(balanced(language, 60, rng, held_out=True)):
        speaker = speakers[i % len(speakers)]
        spoken = render(synthesizer, text, language, cast[speaker])
        if not spoken.spans:
            continue
        offset, end = position / SAMPLE_RATE, (position + len(spoken.samples)) / SAMPLE_RATE
        if end > seconds:
            break
        spans = zip(text.split(), spoken.spans, strict=True)
        words += [TrueWord(word, offset + a, offset + b, speaker) for word, (a, b) in spans]
        turns.append(TrueTurn(speaker, offset, end, text))
        pause = np.zeros(int(rng.uniform(0.35, 0.8) * SAMPLE_RATE), np.float32)
        pieces += [0.7 * spoken.samples, pause]
        position += len(spoken.samples) + len(pause)
    samples = np.concatenate(pieces)
    noise = np.random.default_rng(seed).standard_normal(len(samples)).astype(np.float32) * 1e-3
    return Dialogue(language, np.clip(samples + noise, -1, 1), tuple(words), tuple(turns))


def write_flac(samples: NDArray[np.float32], path: Path) -> None:
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))


def _rounded(fields: dict[str, object]) -> dict[str, object]:
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in fields.items()}
