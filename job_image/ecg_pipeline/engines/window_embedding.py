"""Speaker embeddings that run the network once per window, and pool it with the mask of each speaker.

pyannote asks for an embedding per window and speaker, and its models run anew for each of them: three times per window,
also for speakers who are silent in it. Frames do not depend on the mask, so one pass serves all masks of a window.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyannote.audio.pipelines.speaker_verification import PyannoteAudioPretrainedSpeakerEmbedding

from ecg_pipeline.engines.cores import Cores


class WindowEmbedding(PyannoteAudioPretrainedSpeakerEmbedding):  # type: ignore[misc]  # pyannote ships no types
    """Replaces pyannote's class, for models that have `forward_frames` and `forward_embedding`."""

    def __init__(self, model: Any, device: torch.device | None = None, *, cores: Cores) -> None:
        super().__init__(model, device=device)
        self._cores = cores
        self._empty: torch.Tensor | None = None

    def __call__(self, waveforms: torch.Tensor, masks: torch.Tensor | None = None) -> NDArray[np.float32]:
        """Embeddings (pairs, dimension) of waveforms (pairs, 1, samples) and masks (pairs, frames).

        Equal waveforms that follow one another, as those of a window's speakers do, share one pass of the network. The
        embedding of an empty mask is the same in every window, and takes none.
        """
        if masks is None:
            return np.asarray(super().__call__(waveforms))
        with torch.inference_mode():
            waveforms, masks = waveforms.to(self.device), masks.to(self.device)
            is_used = masks.any(dim=1)
            found = self._of_empty_mask(masks).expand(len(masks), -1).clone()
            if is_used.any():
                found[is_used] = self._of_pairs(waveforms[is_used], masks[is_used])
        return np.asarray(found.cpu().numpy())

    def _of_pairs(self, waveforms: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        is_new = torch.ones(len(waveforms), dtype=torch.bool, device=waveforms.device)
        is_new[1:] = (waveforms[1:] != waveforms[:-1]).flatten(1).any(dim=1)
        window = is_new.cumsum(0) - 1
        place = torch.arange(len(window), device=window.device) - is_new.nonzero()[window, 0]
        weights = masks.new_zeros((int(window[-1]) + 1, int(place.max()) + 1, masks.shape[1]))
        weights[window, place] = masks
        frames = self._frames(waveforms[is_new])
        embeddings: torch.Tensor = self.model_.forward_embedding(frames, weights=weights)[window, place]
        return embeddings

    def _frames(self, windows: torch.Tensor) -> torch.Tensor:
        """On the CPU one window a pass: the memory of a batch costs more than it saves (decision 0083)."""
        if self.device.type == "cpu":
            return torch.cat(list(self._cores.map(self._pass, torch.split(windows, 1))))
        return self._pass(windows)

    @torch.inference_mode()
    def _pass(self, windows: torch.Tensor) -> torch.Tensor:
        frames: torch.Tensor = self.model_.forward_frames(windows)
        return frames

    def _of_empty_mask(self, masks: torch.Tensor) -> torch.Tensor:
        """Shape (dimension,); no frame counts in it, so those of silence will do."""
        if self._empty is None:
            frames = self.model_.forward_frames(torch.zeros((1, 1, self.sample_rate), device=self.device))
            self._empty = self.model_.forward_embedding(frames, weights=masks.new_zeros((1, 1, masks.shape[1])))[0, 0]
        return self._empty


def with_one_pass_per_window(pipeline: Any, cores: Cores) -> int:
    """Have a SpeakerDiarization pipeline use WindowEmbedding where its model allows it.

    Returns how many pairs of window and speaker one pass of the network serves.
    """
    model = getattr(pipeline._embedding, "model_", None)
    if not (hasattr(model, "forward_frames") and hasattr(model, "forward_embedding")):
        return 1
    pipeline._embedding = WindowEmbedding(model, device=pipeline._embedding.device, cores=cores)
    return len(pipeline._segmentation.model.specifications.classes)
