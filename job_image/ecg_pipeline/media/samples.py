"""Converts decoded frames of any format, rate and number of channels to one buffer of 16 kHz mono samples."""

from collections.abc import Callable
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from ecg_pipeline.ports import SAMPLE_RATE, Samples

_GROWTH = 1.125
_RATES = range(1000, 768_001)
"""Accepted sample rates: outside them libswresample's filters take unbounded memory."""

_PLANES = 8
"""From this many planes on, frames are interleaved first: PyAV 18 reads beyond the last of eight planes."""


class MediaError(Exception):
    """The media cannot be used; the message tells a person why."""


class Buffer:
    """Collects samples in an array that grows in place up to a limit."""

    def __init__(self, max_seconds: float, expected_s: float | None = None) -> None:
        self._max = round(max_seconds * SAMPLE_RATE)
        self._max_seconds = max_seconds
        self._samples: Samples = np.empty(min(self._max, round(((expected_s or 60) + 1) * SAMPLE_RATE)), np.float32)
        self.length = 0

    @property
    def seconds(self) -> float:
        return self.length / SAMPLE_RATE

    def append(self, samples: Samples) -> None:
        """Append `samples`, clipped to [-1, 1]. Raises MediaError beyond the limit."""
        np.clip(samples, -1.0, 1.0, out=self._extend(len(samples)))

    def silence_until(self, seconds: float) -> None:
        """Append silence up to `seconds`. Raises MediaError beyond the limit."""
        missing = round(seconds * SAMPLE_RATE) - self.length
        if missing > 0:
            self._extend(missing)[:] = 0.0

    def finish(self) -> Samples:
        """The samples, without a copy; the buffer must not be used afterwards."""
        self._samples.resize(self.length, refcheck=False)
        return self._samples

    def _extend(self, count: int) -> Samples:
        end = self.length + count
        if end > self._max:
            raise too_long(end / SAMPLE_RATE, self._max_seconds)
        if end > len(self._samples):
            self._samples.resize(min(self._max, max(end, round(end * _GROWTH))), refcheck=False)
        view = self._samples[self.length : end]
        self.length = end
        return view


class Resampler:
    """Mixes to mono (the mean of the channels) and resamples, about a second at a time."""

    def __init__(self, sink: Callable[[Samples], None]) -> None:
        self._sink = sink
        self._format: tuple[int, int, str] | None = None
        self._frames: list[npt.NDArray[Any]] = []
        self._held = 0
        self._swr: Any = None
        self._packer: Any = None
        self.not_finite = 0
        """Number of samples that were NaN or infinite and were replaced by silence."""

    def push(self, frame: Any, skip: int = 0) -> None:
        """Take a frame without its first `skip` samples. Raises MediaError."""
        form = (frame.sample_rate, frame.layout.nb_channels, frame.format.name)
        if form != self._format:
            self.flush()
            self._begin(form)
        self._frames.append(_by_channel(self._packed(frame))[:, skip:])
        self._held += frame.samples - skip
        if self._held >= frame.sample_rate:
            self._pass_on()

    def flush(self) -> None:
        """Pass on all held samples and reset the resampler, as before a gap or another format."""
        self._pass_on()
        if self._swr is not None:
            self._emit(None)
        self._format = self._swr = None

    def _begin(self, form: tuple[int, int, str]) -> None:
        if form[0] not in _RATES:
            raise MediaError(f"a sample rate of {form[0]} Hz is not read")
        self._format = form
        self._packer = None
        if form[0] != SAMPLE_RATE:
            self._swr = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)

    def _pass_on(self) -> None:
        if not self._held:
            return
        mono = self._finite(_to_float(np.concatenate(self._frames, axis=1)).mean(axis=0, dtype=np.float32))
        self._frames, self._held = [], 0
        if self._swr is None:
            self._sink(mono)
            return
        assert self._format is not None
        frame = av.AudioFrame.from_ndarray(mono[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = self._format[0]
        self._emit(frame)

    def _packed(self, frame: Any) -> Any:
        """The frame, interleaved where it has more planes than PyAV converts correctly."""
        if not frame.format.is_planar or frame.layout.nb_channels < _PLANES:
            return frame
        if self._packer is None:
            packed = frame.format.packed.name
            self._packer = av.AudioResampler(format=packed, layout=frame.layout, rate=frame.sample_rate)
        (interleaved,) = _resampled(self._packer, frame)
        return interleaved

    def _emit(self, frame: Any) -> None:
        for resampled in _resampled(self._swr, frame):
            self._sink(resampled.to_ndarray()[0])

    def _finite(self, mono: Samples) -> Samples:
        bad = ~np.isfinite(mono)
        if bad.any():
            self.not_finite += int(bad.sum())
            mono[bad] = 0.0
        return mono


def too_long(seconds: float, max_seconds: float) -> MediaError:
    hours, allowed = seconds / 3600, max_seconds / 3600
    return MediaError(f"the media is longer than this server takes ({hours:.2f} h, at most {allowed:.2f} h)")


def _resampled(resampler: Any, frame: Any) -> Any:
    try:
        return resampler.resample(frame)
    except (av.error.FFmpegError, ValueError):
        raise MediaError("the audio's channels or numbers are in no form that can be converted") from None


def _by_channel(frame: Any) -> npt.NDArray[Any]:
    """Shape (channels, samples), in the frame's own number format."""
    samples: npt.NDArray[Any] = frame.to_ndarray()
    return samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T


def _to_float(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Samples of any number format as floats, full scale 1."""
    if samples.dtype.kind == "f":
        return samples
    bits = 8 * samples.dtype.itemsize
    scaled: npt.NDArray[Any] = samples.astype(np.float32 if bits < 32 else np.float64) / 2 ** (bits - 1)
    return scaled - 1.0 if samples.dtype.kind == "u" else scaled
