"""Helpers for tests of decoding: refusals, usable samples, lengths."""

from pathlib import Path

import numpy as np
import pytest

from ecg_contract.errors import ErrorCode, UsageError
from ecg_pipeline.media.decode import Audio, decode
from ecg_pipeline.ports import SAMPLE_RATE
from ecg_pipeline.settings import MAX_MEDIA_S


def refusal(path: Path, max_seconds: float = MAX_MEDIA_S) -> str:
    """The message with which `path` is refused."""
    with pytest.raises(UsageError) as failure:
        decode(path, max_seconds)
    assert failure.value.code is ErrorCode.AUDIO_EXTRACTION_ERROR
    assert failure.value.message.startswith("오디오 추출 실패: ")
    return failure.value.message


def refused_or_read(path: Path) -> bool:
    """Whether `path` is either refused as it should be, or read into usable samples."""
    try:
        return usable(decode(path))
    except UsageError as error:
        return error.code is ErrorCode.AUDIO_EXTRACTION_ERROR


def usable(audio: Audio) -> bool:
    samples = audio.samples
    return samples.dtype == np.float32 and bool(np.isfinite(samples).all()) and bool((np.abs(samples) <= 1).all())


def seconds(audio: Audio) -> float:
    return len(audio.samples) / SAMPLE_RATE


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
