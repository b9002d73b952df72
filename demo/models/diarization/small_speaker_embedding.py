"""A small speaker embedding for pyannote.audio: log-mel bands, four convolutions, mean and deviation over time.

The checkpoint in `embedding/` names this module and class, and pyannote imports them when it loads the checkpoint. So
the folder of this file has to be on `sys.path`; the pipeline puts a local DIARIZATION_MODEL there.
"""

from typing import Any

import torch
from pyannote.audio.core.model import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.transforms import MelSpectrogram

_BANDS, _CHANNELS, _HOP = 40, 64, 160
_EPSILON = 1e-5


class SmallSpeakerEmbedding(Model):  # type: ignore[misc]  # pyannote ships no types
    """Waveforms (batch, 1, samples) at 16 kHz to embeddings (batch, dimension).

    `weights` (batch, frames) of any frame rate mark where the speaker speaks; they are interpolated to the model's
    own frames. The pooling is mean and deviation over time (Snyder et al., "X-vectors", 2018).
    """

    def __init__(self, sample_rate: int = 16_000, num_channels: int = 1, dimension: int = 32, task: Any = None) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.save_hyperparameters("dimension")
        self.mel = MelSpectrogram(sample_rate, n_fft=400, hop_length=_HOP, n_mels=_BANDS)
        self.layers = nn.Sequential(*(_layer(_BANDS if i == 0 else _CHANNELS, 2**i) for i in range(4)))
        self.embedding = nn.Linear(2 * _CHANNELS, dimension)
        self.specifications = Specifications(
            problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0, classes=[""]
        )

    @property
    def dimension(self) -> int:
        return int(self.hparams["dimension"])

    def num_frames(self, num_samples: int) -> int:
        return 1 + num_samples // _HOP

    def receptive_field_size(self, num_frames: int = 1) -> int:
        """In samples: the convolutions keep the frame rate and see 2 * (1 + 2 + 4 + 8) frames around."""
        return 400 + (num_frames - 1 + 30) * _HOP

    def receptive_field_center(self, frame: int = 0) -> int:
        return frame * _HOP

    def forward(self, waveforms: Tensor, weights: Tensor | None = None) -> Tensor:
        return self.forward_embedding(self.forward_frames(waveforms), weights)

    def forward_frames(self, waveforms: Tensor) -> Tensor:
        """Hidden frames (batch, channels, frames), which depend on no weights."""
        bands = (self.mel(waveforms.squeeze(1)) + 1e-6).log()
        bands = bands - bands.mean(dim=(1, 2), keepdim=True)  # the level does not depend on the speaker
        frames: Tensor = self.layers(bands)
        return frames

    def forward_embedding(self, frames: Tensor, weights: Tensor | None = None) -> Tensor:
        """With `weights` (batch, speakers, frames) an embedding for each speaker: (batch, speakers, dimension)."""
        if weights is not None and weights.dim() == 3:
            return torch.stack([self.forward_embedding(frames, one) for one in weights.unbind(1)], dim=1)
        embedded: Tensor = self.embedding(_pooled(frames, _at_frames(weights, frames)))
        return embedded


def _layer(channels: int, dilation: int) -> nn.Sequential:
    convolution = nn.Conv1d(channels, _CHANNELS, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(convolution, nn.BatchNorm1d(_CHANNELS), nn.LeakyReLU(0.1))


def _at_frames(weights: Tensor | None, hidden: Tensor) -> Tensor:
    """`weights` at the frames of `hidden`, shape (batch, 1, frames); an empty mask is replaced by a full one."""
    if weights is None:
        return torch.ones_like(hidden[:, :1])
    resized = functional.interpolate(weights[:, None].to(hidden.dtype), size=hidden.shape[-1], mode="nearest")
    return torch.where(resized.sum(-1, keepdim=True) > 0, resized, torch.ones_like(resized))


def _pooled(hidden: Tensor, weights: Tensor) -> Tensor:
    shares = weights / weights.sum(-1, keepdim=True)
    mean = (hidden * shares).sum(-1)
    variance = ((hidden - mean[..., None]) ** 2 * shares).sum(-1)
    return torch.cat([mean, (variance + _EPSILON).sqrt()], dim=-1)  # keeps the gradient of the root finite at 0
