"""Speech synthesis for the training data: libespeak-ng, from the espeakng-loader package, by ctypes."""

import ctypes
import math
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

SAMPLE_RATE = 16_000
_RETRIEVAL, _UTF8, _WORD_EVENT, _END_EVENT = 1, 1, 1, 0


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice variant and how it speaks: words a minute, pitch and pitch range 0..99."""

    variant: str
    rate: int = 160
    pitch: int = 50
    range: int = 50
    volume: int = 100


@dataclass(frozen=True)
class Utterance:
    """Samples (n,) float32 at 16 kHz without outer silence, and the start of each word in seconds."""

    samples: NDArray[np.float32]
    word_starts: tuple[float, ...]


class Synthesizer:
    """At most one per process: the library keeps global state and hangs when it is initialised twice."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(Path(espeakng_loader.get_data_path()))
        self._rate = self._library.espeak_Initialize(_RETRIEVAL, 0, data.encode(), 0)
        if self._rate <= 0:
            raise RuntimeError(f"espeak-ng found no data in {data}")
        self._chunks: list[NDArray[np.int16]] = []
        self._starts: list[float] = []
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, language: str, voice: Voice) -> Utterance:
        """Synthesize `text`; `language` is espeak-ng's name, such as en-us or ko."""
        self._chunks, self._starts = [], []
        self._library.espeak_SetVoiceByName(f"{language}+{voice.variant}".encode())
        for parameter, value in ((1, voice.rate), (2, voice.volume), (3, voice.pitch), (4, voice.range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        raw = np.concatenate(self._chunks).astype(np.float32) / 32768.0
        divisor = math.gcd(self._rate, SAMPLE_RATE)
        samples = resample_poly(raw, SAMPLE_RATE // divisor, self._rate // divisor).astype(np.float32)
        return _trimmed(samples, tuple(self._starts))

    def _collect(self, wave: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        if wave and count:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _END_EVENT:
            if events[index].type == _WORD_EVENT:
                self._starts.append(events[index].audio_position / 1000.0)
            index += 1
        return 0


def _trimmed(samples: NDArray[np.float32], starts: tuple[float, ...]) -> Utterance:
    loud = np.flatnonzero(np.abs(samples) > 0.003)
    first, last = int(loud[0]), int(loud[-1]) + 1
    offset = first / SAMPLE_RATE
    return Utterance(samples[first:last], tuple(max(0.0, s - offset) for s in starts))
