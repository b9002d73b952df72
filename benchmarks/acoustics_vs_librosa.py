"""Acoustic features of ten minutes of synthetic voice, compared with librosa called per word on a sample of the words.

The voice glides between 90 and 300 Hz with vibrato, in phrases with pauses of faint noise between them; its pitch is
known at every sample, so the error of every voiced frame can be computed.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ecg_pipeline.acoustics import HOP, measure, word_features
from support.sounds import RATE, noise, voice

SECONDS = 600
PHRASE_S, PAUSE_S = 2.4, 0.6
WORD_S = 0.3
RUNS = 5
SAMPLE_WORDS = 60

Samples = NDArray[np.float32]


def main() -> None:
    samples, pitch = _synthetic()
    spans = np.array([(t, t + WORD_S) for t in np.arange(0, SECONDS - WORD_S, WORD_S)])
    some = spans[:: len(spans) // SAMPLE_WORDS]
    _word_by_word(samples, some[:2])  # the first call compiles
    pairs = [
        (_timed(lambda: word_features(samples, spans)), _timed(lambda: _word_by_word(samples, some)))
        for _ in range(RUNS)
    ]
    ours = statistics.median(a for a, _ in pairs)
    theirs = statistics.median(b for _, b in pairs) * len(spans) / len(some)
    ratio = statistics.median(b * len(spans) / len(some) / a for a, b in pairs)
    print(f"{SECONDS} s of voice, {len(spans)} words, median of {RUNS}")
    print(f"whole signal at once: {ours:.2f} s, {SECONDS / ours:.0f} times real time (goal: 250)")
    print(f"librosa word by word: {theirs:.1f} s, {SECONDS / theirs:.0f} times real time ({len(some)} words measured)")
    print(f"ratio: {ratio:.0f} times faster")
    _print_accuracy(samples, pitch)


def _print_accuracy(samples: Samples, pitch: NDArray[np.float64]) -> None:
    frames = measure(samples)
    truth = pitch[np.minimum(np.arange(len(frames.pitch_hz)) * HOP, len(pitch) - 1)]
    voiced, found = truth > 0, frames.pitch_hz > 0
    both = voiced & found
    error = np.abs(frames.pitch_hz[both] / truth[both] - 1)
    close = float(np.sum(error <= 0.02)) / float(np.sum(voiced))
    print(f"voiced frames within 2 % of the true pitch: {close:.1%} of {voiced.sum()} (goal: 95 %)")
    missed, invented = np.mean(~found[voiced]), np.mean(found[~voiced])
    print(f"voiced frames classified as unvoiced: {missed:.1%}, frames of pauses classified as voiced: {invented:.1%}")


def _synthetic() -> tuple[Samples, NDArray[np.float64]]:
    """Samples (n,) and the pitch in Hz at each, 0.0 in the pauses."""
    rng = np.random.default_rng(1)
    phrases = int(SECONDS / (PHRASE_S + PAUSE_S))
    pieces = [_phrase(*rng.uniform(90, 300, 2)) for _ in range(phrases)]
    samples, pitch = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return samples + noise(len(samples) / RATE, 1e-4), pitch


def _phrase(first_hz: float, last_hz: float) -> tuple[Samples, NDArray[np.float64]]:
    count = round(PHRASE_S * RATE)
    glide = np.geomspace(first_hz, last_hz, count) * (1 + 0.02 * np.sin(2 * np.pi * 5 * np.arange(count) / RATE))
    pause = round(PAUSE_S * RATE)
    sound = voice(glide, PHRASE_S, formants=(500, 1500, 2500))
    return np.pad(sound, (0, pause)), np.pad(glide, (0, pause))


def _word_by_word(samples: Samples, spans: NDArray[np.float64]) -> None:
    for start, end in spans:
        word = samples[int(start * RATE) : int(end * RATE)]
        librosa.feature.rms(y=word)
        librosa.feature.spectral_centroid(y=word, sr=RATE)
        librosa.yin(word, fmin=60, fmax=500, sr=RATE, frame_length=1024)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
