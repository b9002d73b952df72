"""Whisper's log-mel spectrogram, batched and differentiable enough for training."""

import functools

import numpy as np
import torch
from torch import Tensor
from transformers import WhisperFeatureExtractor

FFT, HOP = 400, 160


@functools.cache
def _filters() -> Tensor:
    return torch.tensor(np.asarray(WhisperFeatureExtractor().mel_filters), dtype=torch.float32)


def log_mel(waveforms: Tensor) -> Tensor:
    """(batch, samples) at 16 kHz to (batch, 80, samples // 160), scaled as Whisper expects."""
    spectrum = torch.stft(waveforms, FFT, HOP, window=torch.hann_window(FFT), return_complex=True)
    power = spectrum[..., :-1].abs() ** 2
    logs = (_filters().T @ power).clamp(min=1e-10).log10()
    floor = logs.amax(dim=(1, 2), keepdim=True) - 8.0
    return (torch.maximum(logs, floor) + 4.0) / 4.0
