"""Accuracy of the pipeline with the demo models on dialogues that are composed for this run only.

The committed dialogues influenced the choice of the training's voices; these did not. Their sentences are from the same
held-out side of the demo's language. `--seed` makes another set; the same seed gives the same words and settings, and
nearly the same sound: espeak-ng renders the voice f2 slightly differently in every process.

`make accuracy` runs it, with the tests' support code on the path.
"""

import argparse
import random
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from corpus import NARROW, WIDE, Spread, random_voice
from dialogue import VOICES, Dialogue, cast_of, compose, write_flac
from espeak import Synthesizer, Voice

from support.pipeline_process import PipelineProcess, demo_environment, make_job
from support.scoring import Score, ScoredWord, score

FIRST_SEED = 70_000
HEADER = """\
| dialogues | | words | word errors (worst file) | language right | speaker count right | right speaker | start |
|---|---|---|---|---|---|---|---|"""
Cast = tuple[str, ...]
SECONDS = {"en": 20.0, "ko": 30.0}
DIFFERENT: list[Cast] = [("m3", "f4"), ("Andy", "f2"), ("m7", "Annie"), ("m3", "f2"), ("Andy", "f4"), ("m7", "f4")] * 2
ALIKE: list[Cast] = [("m3", "m7"), ("f2", "f4"), ("f2", "Annie"), ("f4", "Annie"), ("m3", "Andy"), ("m7", "Andy")]
THREE: list[Cast] = [("m3", "f4", "Andy"), ("m7", "f2", "Annie"), ("m3", "Annie", "f2"), ("Andy", "m7", "f4")]
ALONE: list[Cast] = [("m3",), ("m7",), ("Andy",), ("f2",), ("f4",), ("Annie",)]


@dataclass(frozen=True)
class Kind:
    """Dialogues of one kind; without `spread` the voices speak as in the committed dialogues."""

    name: str
    casts: list[Cast]
    spread: Spread | None = None


KINDS = (
    Kind("two unlike voices, as committed", DIFFERENT),
    Kind("two unlike voices, narrow spread", DIFFERENT, NARROW),
    Kind("two unlike voices, wide spread", DIFFERENT, WIDE),
    Kind("two voices of one sex", ALIKE),
    Kind("three voices", THREE),
    Kind("one voice", ALONE),
)


@dataclass
class Total:
    """Sums over the dialogues of one kind and language."""

    score: Score = field(default_factory=Score)
    dialogues: int = 0
    languages: int = 0
    counts: int = 0
    worst: float = 0.0

    def add(self, dialogue: Dialogue, language: str, heard: list[ScoredWord]) -> None:
        said = [ScoredWord(w.word, w.start, w.speaker) for w in dialogue.words]
        found = score(said, heard)
        self.score += found
        self.dialogues += 1
        self.languages += language == dialogue.language
        self.counts += len({w.speaker for w in heard}) == len({w.speaker for w in said})
        self.worst = max(self.worst, found.word_error_rate)

    def __iadd__(self, other: "Total") -> Self:
        self.score += other.score
        self.dialogues += other.dialogues
        self.languages += other.languages
        self.counts += other.counts
        self.worst = max(self.worst, other.worst)
        return self

    def row(self, name: str, language: str) -> str:
        found, count = self.score, self.dialogues
        cells = (
            name,
            language,
            f"{found.words}",
            f"{found.word_error_rate:.1%} ({self.worst:.0%})",
            f"{self.languages}/{count}",
            f"{self.counts}/{count}",
            f"{found.right_speaker_rate:.0%}",
            f"{found.median_start_error * 1000:.0f} ms",
        )
        return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    first_seed = parser.parse_args().seed
    synthesizer = Synthesizer()
    process = PipelineProcess(demo_environment())
    print(HEADER)
    for place, (language, seconds) in enumerate(SECONDS.items()):
        overall = Total()
        for number, kind in enumerate(KINDS):
            total = Total()
            for i, names in enumerate(kind.casts):
                seed = first_seed + 1000 * place + 100 * number + i
                cast = cast_of(names, _voices(kind, seed))
                dialogue = compose(synthesizer, language, cast, seed, seconds=seconds)
                total.add(dialogue, *_heard(process, dialogue))
            print(total.row(kind.name, language), flush=True)
            overall += total
        print(overall.row("all of these", language), flush=True)
    process.close()


def _voices(kind: Kind, seed: int) -> dict[str, Voice]:
    rng = random.Random(seed)
    return VOICES if kind.spread is None else {v: random_voice(v, rng, kind.spread) for v in VOICES}


def _heard(process: PipelineProcess, dialogue: Dialogue) -> tuple[str, list[ScoredWord]]:
    """The language and the words that the pipeline recognized."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.flac"
        write_flac(dialogue.samples, sound)
        outcome = process.run(make_job(sound, Path(folder) / "result.json", emotion_detection=False))
    if outcome.result is None:
        raise SystemExit(f"the pipeline failed: {outcome.status}")
    words = outcome.result["word_segments"]
    return outcome.result["language"], [ScoredWord(w["word"], w["start_time"], w["speaker_id"]) for w in words]


if __name__ == "__main__":
    main()
