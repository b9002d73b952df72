"""Writes media files for tests with PyAV: known sound, with or without a picture.

The sound is a tone, or `clicks`: silence with short bursts at known times, to check timestamps with.
"""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
_PICTURE = (64, 48)
_FPS = 25


def tone(seconds: float, rate: int = 16000, hertz: float = 440.0) -> Samples:
    """Shape (n,), amplitude 0.3."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def clicks(seconds: float, at: Sequence[float], rate: int = 16000) -> Samples:
    """Silence with a burst of 10 ms at each of `at`; shape (n,)."""
    samples = np.zeros(round(seconds * rate), np.float32)
    for moment in at:
        first = round(moment * rate)
        samples[first : first + rate // 100] = tone(0.01, rate, 1000.0)[: len(samples) - first] * 2
    return samples


def click_times(samples: Samples, rate: int = 16000) -> list[float]:
    """The times at which the bursts begin, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    starts = loud[np.diff(loud, prepend=-rate) > rate // 20]
    return [float(start) / rate for start in starts]


def write_wav(path: Path, samples: Samples, rate: int = 16000, *, codec: str = "pcm_s16le") -> Path:
    """Write `samples` of shape (n,) or (channels, n)."""
    return write_sound(path, samples, rate, codec=codec)


def write_sound(path: Path, samples: Samples, rate: int = 16000, *, codec: str) -> Path:
    """Write sound only, in the container that the file name's ending names."""
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate)
        track.layout = _layout(np.atleast_2d(samples))
        for packet in _sound_packets(track, samples, rate):
            container.mux(packet)
    return path


def write_float_wav(path: Path, samples: Samples, rate: int = 16000) -> Path:
    """Write float samples without an encoder, which would refuse NaN."""
    data = samples.astype("<f4").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, rate, rate * 4, 4, 32)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + form
    path.write_bytes(head + b"data" + struct.pack("<I", len(data)) + data)
    return path


def write_silence(path: Path, hours: float, rate: int = 16000) -> Path:
    """Write a small FLAC file of long silence."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("flac", rate=rate, options={"frame_size": "32768"})
        track.layout = "mono"
        minute = np.zeros((1, rate * 60), np.int16)
        for number in range(round(hours * 60)):
            frame = av.AudioFrame.from_ndarray(minute, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, number * rate * 60, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def write_video(
    path: Path,
    samples: Samples | None,
    rate: int = 44100,
    *,
    seconds: float | None = None,
    codec: str = "aac",
    sound_from: float = 0.0,
    picture_from: float = 0.0,
    gap: tuple[float, float] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a black picture, and sound unless `samples` is None.

    `sound_from`, `picture_from`: the timestamp at which each begins, in seconds. `gap`: the sound between these
    seconds is left out.
    """
    length = seconds or (0.0 if samples is None else np.atleast_2d(samples).shape[1] / rate)
    with av.open(str(path), "w", options=options or {}) as container:
        picture = container.add_stream("mpeg4", rate=_FPS)
        picture.width, picture.height = _PICTURE
        picture.pix_fmt = "yuv420p"
        packets: list[Any] = []
        if samples is not None:
            sound = container.add_stream(codec, rate=rate)
            sound.layout = _layout(np.atleast_2d(samples))
            packets += _sound_packets(sound, samples, rate, first=round(sound_from * rate))
        if gap is not None:
            packets = [p for p in packets if not gap[0] <= p.pts * p.time_base < gap[1]]
        packets += _picture_packets(picture, round(length * _FPS), first=round(picture_from * _FPS))
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            container.mux(packet)
    return path


def _layout(samples: Samples) -> str:
    return {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(samples)]


def _sound_packets(track: Any, samples: Samples, rate: int, first: int = 0) -> list[Any]:
    planes = np.atleast_2d(samples).astype(np.float32)
    resampler = av.AudioResampler(format=track.format.name, layout=track.layout.name, rate=rate)
    packets = []
    for start in range(0, planes.shape[1], rate * 10):
        interleaved = np.ascontiguousarray(planes[:, start : start + rate * 10].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=_layout(planes))
        frame.sample_rate, frame.pts, frame.time_base = rate, first + start, Fraction(1, rate)
        for converted in resampler.resample(frame):
            packets += track.encode(converted)
    return [*packets, *track.encode(None)]


def _picture_packets(track: Any, frames: int, first: int) -> list[Any]:
    packets = []
    for number in range(frames):
        frame = av.VideoFrame(*_PICTURE, "yuv420p")
        for plane in frame.planes:
            plane.update(b"\x10" * plane.buffer_size)
        frame.pts = first + number
        packets += track.encode(frame)
    return [*packets, *track.encode(None)]
