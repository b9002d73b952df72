"""Emissions of a wav2vec2 model: for each frame of 20 ms, the logarithms of its tokens' probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from ecg_pipeline.engines.conv_front import on_device
from ecg_pipeline.ports import Samples

_SHORTEST = 400
"""Samples that the convolutions need for one frame."""


class TransformersEmissions:
    """A Wav2Vec2ForCTC of transformers."""

    def __init__(self, model: Any, device: str) -> None:
        self._model, self.device = on_device(model, device), device

    @torch.inference_mode()
    def of(self, clip: Samples) -> NDArray[np.float32]:
        """Shape (frames, tokens) of a clip (samples,)."""
        return _log_softmax(self._model(_long_enough(clip)[None].to(self.device)).logits[0])

    @torch.inference_mode()
    def of_all(self, clips: Sequence[Samples]) -> Sequence[NDArray[np.float32]]:
        """The same of several clips in one pass of the transformer, in float16 on a GPU.

        The convolutions take one clip at a time: where their group norm runs over time, padding would change it.
        """
        encoder = self._model.wav2vec2
        if encoder.adapter is not None:  # it changes the number of frames
            return [self.of(clip) for clip in clips]
        with torch.autocast(self.device, torch.float16, enabled=self.device == "cuda"):
            fronts = [encoder.feature_extractor(_long_enough(c)[None].to(self.device))[0].T for c in clips]
            frames = torch.tensor([len(front) for front in fronts], device=self.device)
            hidden, _ = encoder.feature_projection(pad_sequence(fronts, batch_first=True))
            is_used = torch.arange(hidden.shape[1], device=self.device) < frames[:, None]
            logits = self._model.lm_head(encoder.encoder(hidden, attention_mask=is_used)[0])
        return [_log_softmax(row[: len(front)]) for row, front in zip(logits, fronts, strict=True)]


class TorchaudioEmissions:
    """A model of `torchaudio.pipelines`."""

    def __init__(self, model: Any, device: str) -> None:
        self._model, self.device = model.to(device).eval(), device

    @torch.inference_mode()
    def of(self, clip: Samples) -> NDArray[np.float32]:
        """Shape (frames, tokens) of a clip (samples,)."""
        lengths = torch.tensor([len(clip)], device=self.device) if len(clip) < _SHORTEST else None
        logits, _ = self._model(_long_enough(clip)[None].to(self.device), lengths=lengths)
        return _log_softmax(logits[0])

    def of_all(self, clips: Sequence[Samples]) -> Sequence[NDArray[np.float32]]:
        return [self.of(clip) for clip in clips]


Emissions = TransformersEmissions | TorchaudioEmissions


def _long_enough(clip: Samples) -> torch.Tensor:
    return torch.from_numpy(np.pad(clip, (0, max(0, _SHORTEST - len(clip)))))


def _log_softmax(logits: torch.Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = torch.log_softmax(logits.float(), dim=-1).cpu().numpy()
    return found
