"""Synthetic sounds of known pitch, level and length."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
Sound = npt.NDArray[np.float32]


def write_wav(path: Path, samples: Sound) -> Path:
    """Write 16 bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, level: float = 0.05, seed: int = 0) -> Sound:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.float32)


def voice(
    pitch_hz: npt.NDArray[np.floating] | float, seconds: float, level: float = 0.1, formants: tuple[float, ...] = ()
) -> Sound:
    """Harmonics of a pitch (constant, or one value a sample), falling by 12 dB an octave, shaped by formants."""
    count = round(seconds * RATE)
    pitch = np.broadcast_to(np.asarray(pitch_hz, float), count)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros(count)
    for harmonic in range(1, 40):
        frequency = harmonic * pitch
        resonance = 1 + sum(8 / (1 + ((frequency - formant) / 90) ** 2) for formant in formants)
        sound += np.where(frequency < RATE / 2 - 500, np.sin(harmonic * phase) * resonance / harmonic**2, 0)
    rms = np.sqrt(np.mean(sound**2))
    scaled: Sound = (sound / rms * level).astype(np.float32)
    return scaled


def vibrato(center_hz: float, seconds: float, depth: float = 0.05, rate_hz: float = 5) -> npt.NDArray[np.floating]:
    time = np.arange(round(seconds * RATE)) / RATE
    return center_hz * (1 + depth * np.sin(2 * np.pi * rate_hz * time))
