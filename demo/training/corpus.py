"""The training corpus: synthetic utterances, from fixed seeds, with the times of their words."""

import random
from dataclasses import dataclass

import numpy as np
from espeak import SAMPLE_RATE, Synthesizer, Voice
from grammar import sentences, vocabulary
from numpy.typing import NDArray

VOICES = ("m3", "m7", "Andy", "f2", "f4", "Annie")
ESPEAK_LANGUAGE = {"en": "en-us", "ko": "ko"}
LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class Spoken:
    """Samples (n,) float32 at 16 kHz; start and end of each word in seconds, empty where unknown."""

    text: str
    language: str
    voice: str
    samples: NDArray[np.float32]
    spans: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Spread:
    """How far voices and recordings vary: words a minute, pitch and range settings, gain and noise in dB."""

    rates: tuple[int, int] = (130, 190)
    pitch: int = 12
    ranges: tuple[int, int] = (30, 70)
    gains: tuple[float, float] = (-14, 3)
    noises: tuple[float, float] = (22, 50)


WIDE = Spread()
NARROW = Spread(rates=(138, 172), pitch=8, ranges=(38, 62), gains=(-10, 3), noises=(26, 50))


def random_voice(variant: str, rng: random.Random, spread: Spread = WIDE) -> Voice:
    pitch = {"m": 35, "A": 45, "f": 60}[variant[0]] + rng.randint(-spread.pitch, spread.pitch)
    return Voice(variant, rng.randint(*spread.rates), pitch, rng.randint(*spread.ranges))


def render(synthesizer: Synthesizer, text: str, language: str, voice: Voice) -> Spoken:
    """Synthesize `text`; without spans where espeak-ng joined words ("of the") and their single starts are unknown."""
    utterance = synthesizer.say(text, ESPEAK_LANGUAGE[language], voice)
    starts, end = utterance.word_starts, len(utterance.samples) / SAMPLE_RATE
    known = len(starts) == len(text.split())
    spans = tuple(zip(starts, (*starts[1:], end), strict=True)) if known else ()
    return Spoken(text, language, voice.variant, utterance.samples, spans)


def continuous(synthesizer: Synthesizer, count: int, seed: int, spread: Spread = WIDE) -> list[Spoken]:
    """`count` sentences per language, each by a random voice, none of them held out."""
    rng = random.Random(seed)
    found: list[Spoken] = []
    for language in LANGUAGES:
        texts = sentences(language, held_out=False)
        for _ in range(count):
            voice = random_voice(rng.choice(VOICES), rng, spread)
            found.append(render(synthesizer, rng.choice(texts), language, voice))
    return found


Clips = dict[tuple[str, str, str], list[NDArray[np.float32]]]


def word_clips(synthesizer: Synthesizer, variants: int, seed: int) -> Clips:
    """Every word alone, `variants` times per voice: (language, voice, word) to samples."""
    rng = random.Random(seed)
    clips: Clips = {}
    for language in LANGUAGES:
        for word in vocabulary(language):
            for voice in VOICES:
                said = [
                    synthesizer.say(word, ESPEAK_LANGUAGE[language], random_voice(voice, rng)).samples
                    for _ in range(variants)
                ]
                clips[language, voice, word] = said
    return clips


def from_clips(clips: Clips, text: str, language: str, voice: str, rng: random.Random) -> Spoken:
    """A sentence of single word clips with gaps of 20 to 150 ms, so that its word times are exact."""
    pieces: list[NDArray[np.float32]] = []
    spans: list[tuple[float, float]] = []
    position = 0
    for word in text.split():
        clip = rng.choice(clips[language, voice, word.strip(".?")])
        spans.append((position / SAMPLE_RATE, (position + len(clip)) / SAMPLE_RATE))
        gap = np.zeros(int(rng.uniform(0.02, 0.15) * SAMPLE_RATE), np.float32)
        pieces += [clip, gap]
        position += len(clip) + len(gap)
    return Spoken(text, language, voice, np.concatenate(pieces[:-1]), tuple(spans))


def augmented(samples: NDArray[np.float32], rng: random.Random, spread: Spread = WIDE) -> NDArray[np.float32]:
    """`samples` with a random gain and white noise, both drawn from the ranges of `spread`."""
    gain = 10 ** (rng.uniform(*spread.gains) / 20)
    level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-rng.uniform(*spread.noises) / 20)
    noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(len(samples)).astype(np.float32)
    return np.clip((samples + level * noise) * gain, -1, 1)
