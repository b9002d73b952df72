"""Emotion per clip by a transformers audio classification model."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from ecg_contract.result import Emotion
from ecg_pipeline.engines.conv_front import on_device
from ecg_pipeline.engines.cores import Cores
from ecg_pipeline.ports import SAMPLE_RATE, OnProgress, Samples

_LONGEST_S = 30
"""Clips are cut to this length, as the memory of attention grows with its square."""


class TransformersEmotionClassifier:
    """`folder` holds the model; labels are its own `id2label`."""

    def __init__(self, folder: str, device: str, cores: Cores) -> None:
        self._extractor = AutoFeatureExtractor.from_pretrained(folder)
        self._model = on_device(AutoModelForAudioClassification.from_pretrained(folder), device)
        self._device = device
        self._cores = cores

    def classify(self, clips: Sequence[Samples], batch_size: int, on_progress: OnProgress) -> Sequence[Emotion]:
        """One emotion per clip, in the order of `clips`; batches hold clips of similar length to save padding."""
        order = np.argsort([len(clip) for clip in clips])
        found: dict[int, Emotion] = {}
        on_cpu = self._device == "cpu"
        size = min(batch_size, -(-len(clips) // self._cores.count)) if on_cpu else batch_size  # a batch for each core
        batches = [[int(i) for i in order[first : first + size]] for first in range(0, len(order), size)]
        results = self._cores.mapper(self._device)(self._batch, ([clips[i] for i in batch] for batch in batches))
        for batch, emotions in zip(batches, results, strict=True):
            found.update(zip(batch, emotions, strict=True))
            on_progress(len(found) / len(clips))
        return [found[i] for i in range(len(clips))]

    @torch.inference_mode()
    def _batch(self, clips: Sequence[Samples]) -> list[Emotion]:
        cut = [clip[: _LONGEST_S * SAMPLE_RATE] for clip in clips]
        inputs = self._extractor(cut, sampling_rate=SAMPLE_RATE, return_tensors="pt", padding=True).to(self._device)
        probabilities, labels = self._model(**inputs).logits.softmax(-1).max(-1)
        names = self._model.config.id2label
        return [Emotion(names[int(i)], float(p)) for i, p in zip(labels.cpu(), probabilities.cpu(), strict=True)]
