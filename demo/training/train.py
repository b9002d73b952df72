"""Trains the demo models anew, in fixed numbers of steps: about an hour on one core.

`make train` writes below demo/models; `make train ARGS="--only whisper"` trains one of them. What is drawn at random
is drawn from fixed seeds, on one thread, but no two runs give the same weights, not even on one machine: espeak-ng
renders the voice f2 slightly differently in every process. Other processors and torch releases round differently.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import aligner
import corpus
import embedding
import emotion
import torch
import whisper
from espeak import Synthesizer
from whisper_export import export
from whisper_tokens import train_tokenizer

MODELS = Path(__file__).parents[1] / "models"


def train_whisper(synthesizer: Synthesizer, out: Path, scratch: Path) -> None:
    tokenizer = train_tokenizer(scratch / "tokenizer")
    trainer = whisper.Trainer(tokenizer, seed=13)
    for number, phase in enumerate(whisper.PHASES):
        spoken = corpus.continuous(synthesizer, 2500, seed=11 + 100 * number, spread=phase.spread)
        clips = corpus.word_clips(synthesizer, 2, seed=12)
        trainer.run(phase, spoken, clips, scratch / f"whisper-{number}.pt")
    export(trainer.model, tokenizer, out / "whisper")


def train_aligner(synthesizer: Synthesizer, out: Path, _scratch: Path) -> None:
    spoken = corpus.continuous(synthesizer, 1500, seed=21)
    clips = corpus.word_clips(synthesizer, 2, seed=22)
    aligner.Trainer(spoken, clips, seed=23).run(out / "aligner")


def train_embedding(synthesizer: Synthesizer, out: Path, _scratch: Path) -> None:
    voices = embedding.render_voices(synthesizer, seed=31)
    embedding.save(embedding.train(voices, seed=32), voices, out / "diarization")


def train_emotion(synthesizer: Synthesizer, out: Path, _scratch: Path) -> None:
    model = emotion.train(emotion.render_all(synthesizer, seed=41), seed=42)
    emotion.save(model, out / "emotion")
    print(
        f"emotion: {emotion.accuracy(model, emotion.render_all(synthesizer, seed=43)[::12]):.0%} of unheard utterances"
    )


TRAINERS: dict[str, Callable[[Synthesizer, Path, Path], None]] = {
    "whisper": train_whisper,
    "aligner": train_aligner,
    "embedding": train_embedding,
    "emotion": train_emotion,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TRAINERS)
    parser.add_argument("--out", type=Path, default=MODELS)
    parser.add_argument("--scratch", type=Path, default=Path(".cache/training"), help="checkpoints go here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    synthesizer = Synthesizer()
    for name, train in TRAINERS.items():
        if arguments.only in (None, name):
            train(synthesizer, arguments.out, arguments.scratch)


if __name__ == "__main__":
    main()
