"""Speaker embeddings that run the network once per window, and pool it with the mask of each speaker.

pyannote asks for an embedding per window and speaker, and its models run anew for each of them: three times per window,
also for speakers who are silent in it. Frames do not depend on the mask, so one pass serves all masks of a window.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.core import SlidingWindowFeature

from ecg_pipeline.engines.cores import Cores

_CPU_TASK = 8
"""Windows of one task on the CPU."""
Masks = NDArray[np.float32]
"""Shape (speakers, frames): 1.0 where the speaker's sound counts."""


def with_one_pass_per_window(pipeline: Any, cores: Cores) -> bool:
    """Have a SpeakerDiarization pipeline use WindowEmbeddings; False where its model does not allow it."""
    model = getattr(pipeline._embedding, "model_", None)
    if not (hasattr(model, "forward_frames") and hasattr(model, "forward_embedding")):
        return False
    pipeline.get_embeddings = WindowEmbeddings(pipeline, cores)
    return True


class WindowEmbeddings:
    """Stands in for SpeakerDiarization.get_embeddings, for models with `forward_frames` and `forward_embedding`."""

    def __init__(self, pipeline: Any, cores: Cores) -> None:
        self._pipeline, self._cores, self._model = pipeline, cores, pipeline._embedding.model_
        self._empty: NDArray[np.float32] | None = None

    def __call__(
        self,
        file: Any,
        binary_segmentations: SlidingWindowFeature,
        exclude_overlap: bool = False,
        hook: Callable[..., None] = lambda *_, **__: None,
    ) -> NDArray[np.float32]:
        """Shape (windows, speakers, dimension), from scores (windows, frames, speakers) that are 0 or 1.

        With `exclude_overlap` only the frames count in which nobody else speaks, where there are enough of them.
        """
        windows, _, speakers = binary_segmentations.data.shape
        found = np.empty((windows, speakers, self._pipeline._embedding.dimension), np.float32)
        done = 0
        hook("embeddings", None, total=windows, completed=done)
        for embeddings in self._in_batches(file, binary_segmentations, exclude_overlap):
            found[done : done + len(embeddings)] = embeddings
            done += len(embeddings)
            hook("embeddings", embeddings, total=windows, completed=done)
        return found

    def _in_batches(self, file: Any, scores: SlidingWindowFeature, exclude_overlap: bool) -> Iterator[Masks]:
        device, size = self._pipeline._embedding.device, self._windows_a_task()
        least = self._least_frames(scores) if exclude_overlap else None
        empty = self._of_empty_mask(scores.data.shape[1], device)

        def embeddings(first: int) -> NDArray[np.float32]:
            batch = range(first, min(first + size, len(scores.data)))
            masks = np.stack([_masks(scores.data[window], least) for window in batch])  # (windows, speakers, frames)
            has_mask: NDArray[np.bool_] = np.any(masks > 0, axis=2)
            result = np.tile(empty, (*has_mask.shape, 1))
            heard = np.flatnonzero(np.any(has_mask, axis=1))
            if len(heard):
                sound = torch.stack([self._sound(file, scores, first + int(window)) for window in heard])
                pooled = self._pooled(sound.to(device), torch.from_numpy(masks[heard]).to(device))
                result[heard] = np.where(has_mask[heard, :, None], pooled, result[heard])
            return result

        return self._cores.mapper(device.type)(embeddings, range(0, len(scores.data), size))

    def _windows_a_task(self) -> int:
        on_cpu = self._pipeline._embedding.device.type == "cpu"
        return _CPU_TASK if on_cpu else int(self._pipeline.embedding_batch_size)

    @torch.inference_mode()
    def _pooled(self, windows: torch.Tensor, masks: torch.Tensor) -> NDArray[np.float32]:
        """Embeddings (windows, speakers, dimension) of windows (windows, 1, samples).

        On the CPU one window a pass: the memory of a batch costs more than it saves (decision 0083).
        """
        on_cpu = windows.device.type == "cpu"
        passes = torch.split(windows, 1 if on_cpu else len(windows))
        frames = torch.cat([frames_of(self._model, part, in_half=not on_cpu) for part in passes])
        return np.asarray(self._model.forward_embedding(frames, weights=masks).cpu().numpy())

    def _sound(self, file: Any, scores: SlidingWindowFeature, window: int) -> torch.Tensor:
        """Shape (1, samples); zeros beyond the end of the file."""
        samples: torch.Tensor = self._pipeline._audio.crop(file, scores.sliding_window[window], mode="pad")[0]
        return samples

    def _least_frames(self, scores: SlidingWindowFeature) -> int:
        """Frames that the network needs at least."""
        embedding = self._pipeline._embedding
        samples = scores.sliding_window.duration * embedding.sample_rate
        least: float = scores.data.shape[1] * embedding.min_num_samples / samples
        return math.ceil(least)

    def _of_empty_mask(self, frames: int, device: torch.device) -> NDArray[np.float32]:
        """Shape (dimension,); no frame counts in it, so those of silence will do."""
        if self._empty is None:
            silence = torch.zeros((1, 1, self._pipeline._embedding.sample_rate), device=device)
            self._empty = self._pooled(silence, torch.zeros((1, 1, frames), device=device))[0, 0]
        return self._empty


def frames_of(model: Any, windows: torch.Tensor, *, in_half: bool) -> torch.Tensor:
    """What the network makes of windows (windows, 1, samples), in float32, before it is pooled over time.

    `in_half` has WeSpeaker's network compute in float16. Its filter bank stays in float32: the power of sound at the
    scale of 16 bits is beyond float16.
    """
    found: torch.Tensor
    if not (in_half and hasattr(model, "compute_fbank")):
        found = model.forward_frames(windows)
        return found
    features = model.compute_fbank(windows)
    with torch.autocast(windows.device.type, torch.float16):
        found = model.resnet.forward_frames(features)
    return found.float()


def _masks(scores: NDArray[np.float32], least: int | None) -> Masks:
    """Of one window, with scores (frames, speakers); `least` as for `exclude_overlap`."""
    whole = np.nan_to_num(scores, nan=0.0).astype(np.float32).T
    if least is None:
        return whole
    alone = whole * (scores.sum(axis=1) < 2)
    return np.where(alone.sum(axis=1, keepdims=True) > least, alone, whole).astype(np.float32)
