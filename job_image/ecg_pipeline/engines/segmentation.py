"""pyannote's segmentation of overlapping windows, in less time: spread over the cores, what windows share done once."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numpy.typing import NDArray
from pyannote.audio import Inference
from pyannote.audio.models.blocks.sincnet import SincNet

from ecg_pipeline.engines.cores import Cores, available_cores

_WINDOWS = 16
"""Windows in one forward pass on the CPU: the recurrent layers gain nothing from more, and memory from fewer."""


def speed_up(inference: Inference, cores: Cores) -> None:
    """Have `inference`, which slides over whole files, use `cores`, and compute shared filters once.

    Without effect on a GPU and for models with several outputs.
    """
    model = inference.model
    if inference.device.type != "cpu" or isinstance(model.specifications, tuple):
        return
    if type(getattr(model, "sincnet", None)) is SincNet:
        model.sincnet = OverlappingSincNet(model.sincnet)

    reduce = inference.pre_aggregation_hook
    if reduce is not None:
        inference.pre_aggregation_hook = _as_they_are

    def infer(windows: torch.Tensor) -> NDArray[np.float32]:
        """Scores (windows, frames, classes) of windows (windows, 1, samples)."""
        return np.concatenate(list(cores.map(scores, torch.split(windows, _WINDOWS))))

    def scores(windows: torch.Tensor) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = inference.conversion(model(windows)).numpy()
            return found if reduce is None else reduce(found)  # now, not for all windows at once

    inference.infer = infer
    inference.batch_size = max(inference.batch_size, _WINDOWS * available_cores())


def _as_they_are(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores


class OverlappingSincNet(SincNet):  # type: ignore[misc]  # pyannote ships no types
    """A SincNet that filters the sound of overlapping windows once, though it normalizes each window by itself.

    A window's normalized samples are gain * samples + offset, and filters are linear; so a window's filtered samples
    are gain * filtered + offset * (sum of the filter's taps), with `filtered` from the sound of all windows.
    """

    def __init__(self, other: SincNet) -> None:
        super().__init__(stride=other.stride)
        self.load_state_dict(other.state_dict())
        self.eval()
        with torch.inference_mode():
            self._filters = self.conv1d[0].filterbank.filters()  # (filters, 1, taps)
            self._sums = self._filters.sum(dim=2)  # (filters, 1)

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Features (windows, 60, frames) of `waveforms` (windows, 1, samples)."""
        filtered = self._filtered(waveforms)
        norm = self.wav_norm1d
        variance, mean = torch.var_mean(waveforms, dim=2, correction=0)  # (windows, 1)
        gains = norm.weight * torch.rsqrt(variance + norm.eps)
        offsets = norm.bias - mean * gains
        pooled = torch.stack(
            [
                self.pool1d[0](torch.addcmul(offset * self._sums, window, gain).abs_())
                for window, gain, offset in zip(filtered, gains, offsets, strict=True)
            ]
        )
        outputs = F.leaky_relu_(self.norm1d[0](pooled))
        for convolution, pool, normalize in list(zip(self.conv1d, self.pool1d, self.norm1d, strict=True))[1:]:
            outputs = F.leaky_relu_(normalize(pool(convolution(outputs))))
        return outputs

    def _filtered(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Shape (windows, filters, frames)."""
        windows, _, samples = waveforms.shape
        step = waveforms.stride(0)
        if windows == 1 or step >= samples or step % self.stride or waveforms.stride(2) != 1:
            return F.conv1d(waveforms, self._filters, stride=self.stride)
        sound = waveforms.as_strided((1, 1, (windows - 1) * step + samples), (step, step, 1))
        frames = (samples - self._filters.shape[2]) // self.stride + 1
        return (
            F.conv1d(sound, self._filters, stride=self.stride)[0].unfold(1, frames, step // self.stride).movedim(1, 0)
        )
