"""Level, pitch and spectral centroid of words, measured once over the whole signal and then reduced per word.

Frames of 64 ms every 16 ms are measured in blocks, so that memory grows only by a few bytes per frame. Pitch is YIN (de
Cheveigné and Kawahara, "YIN, a fundamental frequency estimator", 2002) by FFT, with a voicing decision by level and
periodicity and a correction of octave errors from neighbouring frames; librosa's own YIN returns no periodicity. Level
and centroid are librosa's `rms` and `spectral_centroid`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
from scipy import fft

from ecg_contract.result import AcousticFeatures
from ecg_pipeline.ports import SAMPLE_RATE, Samples

Floats = npt.NDArray[np.floating[Any]]

FRAME, HOP = 1024, 256
LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
SILENCE_DB = -100.0
"""Reported level of digital silence."""

_BLOCK = 128
_LONGEST_LAG = int(SAMPLE_RATE / LOWEST_HZ) + 2
_SHORTEST_LAG = int(SAMPLE_RATE / HIGHEST_HZ)
_WINDOW = FRAME - _LONGEST_LAG
_CLEARLY_PERIODIC = 0.12
"""YIN's absolute threshold: the first dip below it is the period."""
_PERIODIC = 0.35
"""The dip of a voiced frame is below it, that of noise above."""
_VOICED_ABOVE_DB = -55.0
_VOICED_BELOW_LOUD_DB = 35.0
"""A voiced frame is at most this far below the loud parts."""
_NEIGHBOURS = 12
_HANN = np.hanning(FRAME + 1)[:-1].astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Shape (frames,) each; frame i is centred on sample i * HOP."""

    power: Floats
    """Mean square."""
    pitch_hz: Floats
    """0.0 where unvoiced."""
    centroid_hz: Floats


def word_features(samples: Samples, spans: npt.NDArray[np.float64]) -> list[AcousticFeatures]:
    """Features of each word; `spans` has shape (words, 2), start and end in seconds. All values are finite."""
    if len(spans) == 0:
        return []
    frames = measure(samples)
    first, last = _frame_ranges(spans, len(frames.power))
    level = 10 * np.log10(np.maximum(_means(frames.power, first, last), 10 ** (SILENCE_DB / 10)))
    pitch, centroid = _voiced_medians(frames.pitch_hz, first, last), _means(frames.centroid_hz, first, last)
    columns = level.tolist(), pitch.tolist(), centroid.tolist()
    return [AcousticFeatures(*values) for values in zip(*columns, strict=True)]


def measure(samples: Samples) -> Frames:
    parts = [_measure_block(block) for block in _blocks(samples)]
    power, lag, dip, doubled, halved, centroid = (np.concatenate(column) for column in zip(*parts, strict=True))
    voiced = (dip < _PERIODIC) & (power > _voicing_floor(power))
    pitch = _correct_octaves(np.where(voiced, SAMPLE_RATE / lag, 0.0), doubled, halved)
    return Frames(power, pitch.astype(np.float32), centroid)


def warm_up() -> None:
    """Trigger librosa's imports and compilation, which its first call takes."""
    measure(np.zeros(FRAME, np.float32))


def _blocks(samples: Samples) -> Iterator[Floats]:
    """The samples of up to _BLOCK frames at a time; half a frame of zeros is added at both ends of the signal."""
    count = 1 + len(samples) // HOP
    for first in range(0, count, _BLOCK):
        frames = min(_BLOCK, count - first)
        begin = first * HOP - FRAME // 2
        end = begin + (frames - 1) * HOP + FRAME
        part = np.clip(np.nan_to_num(samples[max(begin, 0) : max(end, 0)]), -1, 1)
        padded = np.pad(part, (max(-begin, 0), max(end - max(len(samples), 0), 0)))[: end - begin]
        yield padded.astype(np.float32)


def _measure_block(block: Floats) -> tuple[Floats, ...]:
    """For each frame: power, lag and depth of YIN's dip, depth at twice and at half the lag, centroid."""
    frames = np.lib.stride_tricks.sliding_window_view(block, FRAME)[::HOP]
    rms = librosa.feature.rms(y=block, frame_length=FRAME, hop_length=HOP, center=False)[0]
    magnitude = np.abs(fft.rfft(frames * _HANN, axis=1))
    centroid = librosa.feature.spectral_centroid(S=magnitude.T, sr=SAMPLE_RATE, n_fft=FRAME)[0]
    normalised = _normalised_difference(frames)
    index = _dips(normalised)
    lag, dip = _interpolated(normalised, index)
    twice, half = _depth_near(normalised, lag * 2), _depth_near(normalised, lag / 2)
    return np.square(rms), lag, dip, twice, half, centroid


def _normalised_difference(frames: Floats) -> Floats:
    """YIN's cumulative mean normalised difference, shape (frames, lags from 0)."""
    spectrum, head = fft.rfft(frames, axis=1), fft.rfft(frames[:, :_WINDOW], FRAME, axis=1)
    correlation = fft.irfft(spectrum * head.conj(), FRAME, axis=1)[:, : _LONGEST_LAG + 1]
    power = np.square(frames, dtype=np.float64)
    entering, leaving = power[:, _WINDOW : _WINDOW + _LONGEST_LAG], power[:, :_LONGEST_LAG]
    first = power[:, :_WINDOW].sum(1, keepdims=True)
    at_lag = np.concatenate([first, first + np.cumsum(entering - leaving, axis=1)], axis=1)
    difference = np.maximum(at_lag[:, :1] + at_lag - 2 * correlation, 0.0)
    running = np.cumsum(difference[:, 1:], axis=1)
    lags = np.arange(1, _LONGEST_LAG + 1)
    normalised = np.ones_like(difference)
    np.divide(difference[:, 1:] * lags, running, out=normalised[:, 1:], where=running > 1e-9)
    single: Floats = normalised.astype(np.float32)
    return single


def _dips(normalised: Floats) -> npt.NDArray[np.intp]:
    """Index of the first clear local minimum of each row, else of the deepest point."""
    inside = normalised[:, _SHORTEST_LAG:_LONGEST_LAG]
    is_minimum = (inside < normalised[:, _SHORTEST_LAG - 1 : _LONGEST_LAG - 1]) & (
        inside <= normalised[:, _SHORTEST_LAG + 1 : _LONGEST_LAG + 1]
    )
    clear = is_minimum & (inside < _CLEARLY_PERIODIC)
    index: npt.NDArray[np.intp] = _SHORTEST_LAG + np.where(clear.any(1), clear.argmax(1), inside.argmin(1))
    return index


def _interpolated(normalised: Floats, index: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The dip's lag in fractions of a sample, by a parabola through three points, and its depth."""
    rows = np.arange(len(index))
    before, here, after = (normalised[rows, index + step] for step in (-1, 0, 1))
    curvature = before - 2 * here + after
    shift = np.divide(before - after, 2 * curvature, out=np.zeros_like(here), where=curvature > 1e-9)
    return index + np.clip(shift, -1, 1), here


def _depth_near(normalised: Floats, lag: Floats) -> Floats:
    """The least value within a sample of `lag`; 1.0 outside the lags that are searched."""
    index = np.rint(lag).astype(int)
    rows = np.arange(len(index))
    within = (index >= _SHORTEST_LAG) & (index < _LONGEST_LAG)
    safe = np.clip(index, 1, _LONGEST_LAG - 1)
    return np.where(within, np.min([normalised[rows, safe + s] for s in (-1, 0, 1)], axis=0), 1.0)


def _voicing_floor(power: Floats) -> float:
    """Least power of a voiced frame: well below the loud parts, never below _VOICED_ABOVE_DB."""
    loud = float(np.percentile(power, 95)) * 10 ** (-_VOICED_BELOW_LOUD_DB / 10)
    return max(loud, 10 ** (_VOICED_ABOVE_DB / 10))


def _correct_octaves(pitch: Floats, doubled: Floats, halved: Floats) -> Floats:
    """Pitch in Hz, moved by an octave where a frame is an octave off its neighbours and periodic there, too."""
    usual = _local_medians(pitch)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = pitch / usual
    too_high = (ratio > 1.7) & (ratio < 2.3) & (doubled < _PERIODIC)
    too_low = (ratio > 0.43) & (ratio < 0.59) & (halved < _PERIODIC)
    return np.select([too_high, too_low], [pitch / 2, pitch * 2], pitch)


def _local_medians(pitch: Floats) -> Floats:
    """Median of the voiced frames around each frame; 0.0 where there are none."""
    known = np.pad(np.where(pitch > 0, pitch, np.nan), _NEIGHBOURS, constant_values=np.nan)
    around = np.sort(np.lib.stride_tricks.sliding_window_view(known, 2 * _NEIGHBOURS + 1), axis=1)  # NaN last
    count = np.isfinite(around).sum(1)
    middle = around[np.arange(len(around)), np.maximum(count - 1, 0) // 2]
    return np.where(count > 0, middle, 0.0)


def _frame_ranges(spans: npt.NDArray[np.float64], count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First and one past the last frame centred inside each span; the nearest frame where there is none."""
    edges = spans * (SAMPLE_RATE / HOP)
    first = np.clip(np.ceil(edges[:, 0]), 0, count - 1).astype(np.intp)
    last = np.clip(np.floor(edges[:, 1]) + 1, 0, count).astype(np.intp)
    nearest = np.clip(np.rint(edges.mean(1)), 0, count - 1).astype(np.intp)
    none = last <= first
    return np.where(none, nearest, first), np.where(none, nearest + 1, last)


def _means(values: Floats, first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    means: npt.NDArray[np.float64] = (sums[last] - sums[first]) / (last - first)
    return means


def _voiced_medians(pitch: Floats, first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Median pitch of each range's voiced frames, the lower of two; 0.0 where fewer than a fifth are voiced."""
    lengths = last - first
    word = np.repeat(np.arange(len(first)), lengths)
    frame = np.arange(len(word)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[word]
    values = pitch[frame]
    word, values = word[values > 0], values[values > 0]
    values = values[np.lexsort((values, word))]
    count = np.bincount(word, minlength=len(first))
    begin = np.cumsum(count) - count
    voiced = (count > 0) & (count * 5 >= lengths)
    middle = np.where(voiced, begin + (count - 1) // 2, 0)
    return np.where(voiced, values[middle], 0.0) if len(values) else np.zeros(len(first))
