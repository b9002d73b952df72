"""The log line `stage_completed`, with the seconds that a part of the analysis took."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from ecg_pipeline.ports import SAMPLE_RATE, Samples

Part = Literal["vad", "diarization", "recognition", "alignment", "emotion", "features"]
_log = logging.getLogger(__name__)


@contextmanager
def logged(part: Part, samples: Samples) -> Iterator[None]:
    """Log the wall time in seconds and the length of the audio in seconds, also where the part fails.

    Waiting for the part's model is included. On the CPU recognition and alignment run beside diarization.
    """
    began = time.monotonic()
    try:
        yield
    finally:
        seconds, length = time.monotonic() - began, len(samples) / SAMPLE_RATE
        fields = {"stage": part, "seconds": round(seconds, 3), "audio_seconds": round(length, 3)}
        _log.info("stage_completed", extra=fields)
