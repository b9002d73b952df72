import time

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_pipeline.acoustics import FRAME, HOP, SILENCE_DB, measure, word_features
from support.sounds import RATE, noise, silence, vibrato, voice

VOWELS = {"a": (730.0, 1090.0, 2440.0), "i": (270.0, 2290.0, 3010.0), "u": (300.0, 870.0, 2240.0)}


def true_pitch(pitch: np.ndarray, frames: int) -> np.ndarray:
    return pitch[np.minimum(np.arange(frames) * HOP, len(pitch) - 1)]


@pytest.mark.parametrize("vowel", VOWELS)
@pytest.mark.parametrize("center", [80, 120, 200, 320, 450])
def test_pitch_of_a_vibrato_voice_is_within_two_percent(center: float, vowel: str) -> None:
    pitch = vibrato(center, 2)
    found = measure(voice(pitch, 2, formants=VOWELS[vowel]) + noise(2, 0.002)).pitch_hz[4:-4]
    error = np.abs(found / true_pitch(pitch, len(found) + 8)[4:-4] - 1)
    assert (found > 0).mean() > 0.95
    assert (error[found > 0] < 0.02).mean() > 0.95


def test_a_leap_of_an_octave_is_followed() -> None:
    low, high = voice(110, 1, formants=VOWELS["a"]), voice(220, 1, formants=VOWELS["a"])
    found = measure(np.concatenate([low, high])).pitch_hz
    assert np.median(found[5:55]) == pytest.approx(110, rel=0.01)
    assert np.median(found[70:120]) == pytest.approx(220, rel=0.01)


def test_a_few_cycles_that_look_an_octave_lower_are_corrected() -> None:
    """Creak: for a moment every second cycle is weaker, so that the period seems twice as long."""
    sound = voice(200, 2, formants=VOWELS["a"])
    cycle = (np.arange(len(sound)) // (RATE // 200)) % 2 == 1
    moment = (np.arange(len(sound)) > 1.0 * RATE) & (np.arange(len(sound)) < 1.1 * RATE)
    creaky = np.where(cycle & moment, 0.5 * sound, sound).astype(np.float32)
    found = measure(creaky).pitch_hz[5:-5]
    assert (np.abs(found[found > 0] / 200 - 1) < 0.05).all()


def test_a_weak_fundamental_is_still_the_pitch() -> None:
    time_s = np.arange(RATE) / RATE
    parts = [(0.05, 150), (1.0, 300), (0.8, 450), (0.6, 600)]
    sound = sum(a * np.sin(2 * np.pi * f * time_s) for a, f in parts) * 0.1
    assert np.median(measure(np.asarray(sound, np.float32)).pitch_hz[5:-5]) == pytest.approx(150, rel=0.01)


def test_noise_and_silence_have_no_pitch() -> None:
    assert (measure(noise(3)).pitch_hz > 0).mean() < 0.02
    assert not measure(silence(3)).pitch_hz.any()


def test_level_and_centroid_are_librosas() -> None:
    sound = np.concatenate([voice(150, 1, formants=VOWELS["a"]), noise(1)])
    frames = measure(sound)
    rms = librosa.feature.rms(y=sound, frame_length=FRAME, hop_length=HOP)[0]
    centroid = librosa.feature.spectral_centroid(y=sound, sr=RATE, n_fft=FRAME, hop_length=HOP)[0]
    np.testing.assert_allclose(np.sqrt(frames.power), rms, rtol=1e-3)
    np.testing.assert_allclose(frames.centroid_hz, centroid, rtol=1e-2)


def test_a_words_features_are_those_of_its_own_part() -> None:
    sound = np.concatenate([voice(120, 1, level=0.1), silence(1), voice(240, 1, level=0.01), noise(1, 0.1)])
    low, none, high, hiss = word_features(sound, np.array([(0.1, 0.9), (1.2, 1.8), (2.1, 2.9), (3.1, 3.9)]))
    assert [low.pitch_hz, high.pitch_hz] == pytest.approx([120, 240], rel=0.01)
    assert [low.volume_db, high.volume_db] == pytest.approx([-20, -40], abs=0.3)
    assert (none.pitch_hz, none.volume_db, none.spectral_centroid) == (0.0, SILENCE_DB, 0.0)
    assert hiss.pitch_hz == 0.0
    assert hiss.spectral_centroid > 3000


def test_blocks_leave_no_seams() -> None:
    sound = voice(vibrato(150, 40), 40)
    whole, parts = measure(sound), measure(sound[: 20 * RATE])
    same = 20 * RATE // HOP - 20
    np.testing.assert_allclose(whole.pitch_hz[:same], parts.pitch_hz[:same], rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 5000),
    st.lists(st.tuples(st.floats(-1, 2), st.floats(0, 1)), max_size=5),
    st.sampled_from([0.0, 1e-9, 1.0, 1e4, float("nan"), float("inf")]),
)
def test_features_are_finite_whatever_comes(count: int, spans: list[tuple[float, float]], value: float) -> None:
    samples = np.full(count, value, np.float32)
    found = word_features(samples, np.array([(a, a + b) for a, b in spans]).reshape(-1, 2))
    assert len(found) == len(spans)
    assert all(np.isfinite([f.volume_db, f.pitch_hz, f.spectral_centroid]).all() for f in found)


def test_ten_minutes_take_a_small_part_of_their_length() -> None:
    sound = np.tile(voice(vibrato(150, 10), 10, formants=VOWELS["a"]), 60)
    spans = np.stack([np.arange(0, 599, 0.4), np.arange(0.3, 599.3, 0.4)], 1)
    began = time.process_time()
    word_features(sound, spans)
    factor = 600 / (time.process_time() - began)
    print(f"acoustic features: {factor:.0f} times real time (goal 250)")
    assert factor > 250
