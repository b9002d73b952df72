"""Decoding of files that are truncated, damaged or random bytes."""

from pathlib import Path

import av
import numpy as np
import pytest

from ecg_pipeline.media.decode import decode
from support.media_files import click_times, clicks, tone, write_float_wav, write_sound, write_video
from support.media_outcome import refusal, refused_or_read, seconds, written


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "head", [b"", b"RIFF", b"ID3\x04\x00", b"OggS\x00", b"fLaC\x00", b"\x1aE\xdf\xa3", b"\xff\xfb\x90"]
)
def test_random_bytes_are_refused_without_more(tmp_path: Path, seed: int, head: bytes) -> None:
    content = head + np.random.default_rng(seed).bytes(50_000)
    refusal(written(tmp_path / "a.mp4", content))


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.wav", "v.flac"])
def test_a_file_that_is_cut_off_says_how_much_is_there(tmp_path: Path, name: str) -> None:
    whole = cut_at(tmp_path / name, 1.0).read_bytes()
    message = refusal(written(tmp_path / f"cut-{name}", whole[: len(whole) * 2 // 5]))
    assert "cut off" in message
    assert "of 10.0 s declared" in message


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.wav", "v.flac", "v.ts", "v.avi"])
@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_anywhere_is_refused_or_read(tmp_path: Path, name: str, part: float) -> None:
    path = cut_at(tmp_path / name, part)
    assert refused_or_read(path)


def test_a_video_whose_sound_ends_early_is_not_cut_off(tmp_path: Path) -> None:
    for name in ("v.mp4", "v.mkv"):
        audio = decode(write_video(tmp_path / name, tone(2.0, 44100), seconds=8.0))
        assert seconds(audio) == pytest.approx(2.0, abs=0.1)


def test_damage_in_the_middle_is_silence_and_noted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", clicks(20.0, [1.0, 18.0], 44100), codec="flac")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20] = bytes(20)
    audio = decode(written(path, bytes(content)))
    assert click_times(audio.samples)[-1] == pytest.approx(18.0, abs=0.06)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.ts", "v.flac", "v.avi"])
@pytest.mark.parametrize("seed", range(5))
def test_damage_anywhere_is_refused_or_read(tmp_path: Path, name: str, seed: int) -> None:
    content = bytearray(cut_at(tmp_path / name, 1.0).read_bytes())
    chance = np.random.default_rng(seed)
    for position in chance.integers(0, len(content), 200):
        content[position] = chance.integers(256)
    assert refused_or_read(written(tmp_path / name, bytes(content)))


def cut_at(path: Path, part: float) -> Path:
    """The first part of ten seconds of noise in `path`'s format, an MP4 with its index in front."""
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, 441_000).astype(np.float32)
    if path.suffix in (".wav", ".flac"):
        write_sound(path, noise, 44100, codec="flac" if path.suffix == ".flac" else "pcm_s16le")
    else:
        write_video(path, noise, options={"movflags": "faststart"} if path.suffix == ".mp4" else None)
    content = path.read_bytes()
    return written(path, content[: round(len(content) * part)])


@pytest.mark.parametrize("rate", [1, 999, 1_000_000_000])
def test_an_absurd_sample_rate_is_refused(tmp_path: Path, rate: int) -> None:
    assert "sample rate" in refusal(write_float_wav(tmp_path / "a.wav", tone(0.1), rate))


def test_lost_packets_are_silence_of_the_same_length_and_noted(tmp_path: Path) -> None:
    path = with_packets_overwritten(tmp_path / "v.mp4", range(100, 110))
    audio = decode(path)
    assert click_times(audio.samples)[-1] == pytest.approx(18.0, abs=0.03)
    assert seconds(audio) == pytest.approx(20.0, abs=0.05)
    assert any("could not be read" in note for note in audio.notes)


def test_a_single_lost_packet_moves_no_word(tmp_path: Path) -> None:
    whole, damaged = (decode(with_packets_overwritten(tmp_path / "v.mp4", range(100, end))) for end in (100, 101))
    assert damaged.notes
    assert click_times(damaged.samples) == pytest.approx(click_times(whole.samples), abs=0.002)


def test_a_file_with_more_than_a_tenth_lost_is_refused(tmp_path: Path) -> None:
    assert "damaged" in refusal(with_packets_overwritten(tmp_path / "v.mp4", range(100, 400)))


def with_packets_overwritten(path: Path, numbers: range) -> Path:
    """Twenty seconds of sound of which these packets hold nonsense."""
    write_video(path, clicks(20.0, [1.0, 18.0], 44100), codec="aac")
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.size and p.pos is not None]
        places = [(packets[n].pos, packets[n].size) for n in numbers]
    content = bytearray(path.read_bytes())
    for position, size in places:
        content[position : position + size] = b"\xff" * size
    return written(path, bytes(content))
