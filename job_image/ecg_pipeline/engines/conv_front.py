"""The convolutions of wav2vec2-like models over one second of sound at a time.

They have 512 channels at a fifth of the sample rate, so that the intermediate results of a clip of 30 s take several
hundred MB. No frame depends on more than 25 ms of sound, and a block's results fit into the processor's cache.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

_FRAMES = 50
"""Frames of 20 ms in a block."""


class BlockwiseFront(nn.Module):
    """Takes the place of a `Wav2Vec2FeatureEncoder` or `HubertFeatureEncoder`: the same results, up to float order."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.conv_layers: Sequence[Any] = encoder.conv_layers
        shapes = [(layer.conv.kernel_size[0], layer.conv.stride[0]) for layer in self.conv_layers]
        self._hop = math.prod(stride for _, stride in shapes)
        self._field = 1
        for kernel, stride in reversed(shapes):
            self._field = (self._field - 1) * stride + kernel

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Shape (clips, channels, frames) of `samples` (clips, samples)."""
        sound, first = samples[:, None], self.conv_layers[0]
        over_time = getattr(first, "layer_norm", None)
        statistics = _statistics(first.conv, sound) if isinstance(over_time, nn.GroupNorm) else None
        blocks = _blocks(sound, self._field, self._hop, _FRAMES)
        return torch.cat([self._front(block, statistics) for block in blocks], dim=-1)

    def _front(self, block: torch.Tensor, statistics: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor:
        first, *rest = self.conv_layers
        hidden = first(block) if statistics is None else _normalized(first, block, *statistics)
        for layer in rest:
            hidden = layer(hidden)
        return hidden


def on_device(model: Any, device: str) -> Any:
    """The model of transformers, ready for inference; on the CPU with a `BlockwiseFront` where its front is known."""
    base = model.base_model
    encoder = getattr(base, "feature_extractor", None)
    layers = getattr(encoder, "conv_layers", ())
    if device == "cpu" and layers and all(_is_known(layer) for layer in layers):
        base.feature_extractor = BlockwiseFront(encoder)
    return model.to(device).eval()


def _is_known(layer: Any) -> bool:
    conv = getattr(layer, "conv", None)
    return isinstance(conv, nn.Conv1d) and conv.padding == (0,) and conv.dilation == (1,)


def _blocks(sound: torch.Tensor, field: int, hop: int, frames: int) -> Iterator[torch.Tensor]:
    """Of the last dimension, what each `frames` results depend on."""
    total = (sound.shape[-1] - field) // hop + 1
    for begin in range(0, total, frames):
        end = min(begin + frames, total)
        yield sound[..., hop * begin : hop * (end - 1) + field]


def _statistics(conv: nn.Conv1d, sound: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance over time of each channel, shapes (clips, channels, 1), summed in double precision."""
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for block in _blocks(sound, kernel, stride, _FRAMES * 64):
        hidden = conv(block).double()
        count += hidden.shape[-1]
        total = total + hidden.sum(-1, keepdim=True)
        squares = squares + hidden.square().sum(-1, keepdim=True)
    mean = total / count
    return mean.float(), (squares / count - mean.square()).clamp(min=0).float()


def _normalized(layer: Any, block: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """The layer with a group norm of one channel a group, over more than the block."""
    norm = layer.layer_norm
    scale = norm.weight[:, None] * torch.rsqrt(variance + norm.eps)
    return layer.activation((layer.conv(block) - mean) * scale + norm.bias[:, None])  # type: ignore[no-any-return]
