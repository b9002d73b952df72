"""Decoding of media into samples at the media's own times."""

from pathlib import Path

import numpy as np
import pytest

from ecg_pipeline.media.decode import decode
from support.media_files import (
    click_times,
    clicks,
    tone,
    write_float_wav,
    write_silence,
    write_sound,
    write_video,
    write_wav,
)
from support.media_outcome import refusal, seconds, usable


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 16000), ("a.wav", "pcm_u8", 8000), ("a.wav", "pcm_s24le", 96000),
        ("a.wav", "pcm_f32le", 11025), ("a.wav", "pcm_f64le", 22050), ("a.flac", "flac", 44100),
        ("a.mp3", "libmp3lame", 44100), ("a.ogg", "libopus", 48000), ("a.m4a", "aac", 48000), ("a.aac", "aac", 44100),
    ],
)  # fmt: skip
def test_every_common_format_is_read(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    audio = decode(write_sound(tmp_path / name, tone(3.0, rate), rate, codec=codec))
    assert seconds(audio) == pytest.approx(3.0, abs=0.1)
    assert usable(audio)
    assert np.sqrt(np.mean(audio.samples[16000:32000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_16_khz_mono_samples_are_not_touched(tmp_path: Path) -> None:
    samples = tone(1.0)
    audio = decode(write_wav(tmp_path / "a.wav", samples, codec="pcm_f32le"))
    assert np.array_equal(audio.samples, samples)
    assert audio.notes == ()


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.mov", "v.avi", "v.ts"])
def test_words_keep_the_videos_times(tmp_path: Path, name: str) -> None:
    moments = [0.5, 2.0, 3.7]
    audio = decode(write_video(tmp_path / name, clicks(5.0, moments, 44100)))
    assert click_times(audio.samples) == pytest.approx(moments, abs=0.03)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts"])
def test_sound_that_begins_after_the_picture_begins_with_silence(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, clicks(3.0, [0.5, 2.0], 44100), sound_from=1.5, seconds=4.0)
    assert click_times(decode(path).samples) == pytest.approx([2.0, 3.5], abs=0.03)


@pytest.mark.parametrize("name", ["v.mkv", "v.ts"])
def test_a_clock_that_does_not_begin_at_zero_is_taken_from_its_beginning(tmp_path: Path, name: str) -> None:
    sound = clicks(3.0, [0.5, 2.0], 44100)
    path = write_video(tmp_path / name, sound, sound_from=20.0, picture_from=20.0)
    assert click_times(decode(path).samples) == pytest.approx([0.5, 2.0], abs=0.03)


@pytest.mark.parametrize("name", ["a.m4a", "a.opus", "a.flac"])
def test_eight_channels_are_read_in_every_layout_of_memory(tmp_path: Path, name: str) -> None:
    codec = {".m4a": "aac", ".opus": "libopus", ".flac": "flac"}[Path(name).suffix]
    audio = decode(write_sound(tmp_path / name, np.stack([tone(2.0, 48000)] * 8), 48000, codec=codec))
    assert usable(audio)
    assert np.abs(audio.samples[8000:24000]).max() > 0.2


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_channels_are_mixed_by_their_mean(tmp_path: Path, channels: int) -> None:
    planes = np.zeros((channels, 16000), np.float32)
    planes[-1] = tone(1.0)
    audio = decode(write_wav(tmp_path / "a.wav", planes, codec="pcm_f32le"))
    assert audio.samples == pytest.approx(tone(1.0) / channels, abs=1e-6)


def test_samples_that_are_no_numbers_are_silence_and_noted(tmp_path: Path) -> None:
    samples = tone(1.0, 44100)
    samples[100:200] = np.nan
    samples[300:350] = np.inf
    samples[400:450] = -np.inf
    audio = decode(write_float_wav(tmp_path / "a.wav", samples, 44100))
    assert usable(audio)
    assert audio.notes == ("200 audio samples were not numbers and are silence",)
    assert np.abs(audio.samples).max() > 0.2


def test_samples_beyond_full_scale_are_cut(tmp_path: Path) -> None:
    assert usable(decode(write_float_wav(tmp_path / "a.wav", tone(1.0) * 1e30, 16000)))


def test_a_hundredth_of_a_second_is_legal(tmp_path: Path) -> None:
    assert len(decode(write_wav(tmp_path / "a.wav", tone(0.01))).samples) == 160


def test_ten_hours_of_silence_in_a_small_file_are_legal_and_thirteen_are_not(tmp_path: Path) -> None:
    path = write_silence(tmp_path / "ten.flac", hours=10)
    assert path.stat().st_size < 1_000_000
    audio = decode(path)
    assert seconds(audio) == 36000
    assert not audio.samples.any()
    assert "longer than this server takes" in refusal(path, 35999)


def test_a_file_that_declares_less_than_it_holds_is_stopped_at_the_limit(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.aac", tone(30.0), codec="aac")  # declares nothing
    assert "longer than this server takes" in refusal(path, 20)


def test_a_gap_in_the_sound_is_silence(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", clicks(6.0, [0.5, 2.5, 4.5], 44100), gap=(2.0, 4.0))
    assert click_times(decode(path).samples) == pytest.approx([0.5, 4.5], abs=0.03)
