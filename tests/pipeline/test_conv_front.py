"""A model whose convolutions take a second of sound at a time gives what it gives for the whole clip."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import HubertConfig, HubertForSequenceClassification, Wav2Vec2Config, Wav2Vec2ForCTC

from ecg_pipeline.engines.conv_front import BlockwiseFront, on_device

SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (32,) * 7,
}
FIELD, HOP, BLOCK = 400, 320, 50
"""Samples that a frame depends on, samples between frames, and frames of a block."""
LENGTHS = [
    FIELD,
    FIELD + 1,
    FIELD + HOP,
    FIELD + (BLOCK - 1) * HOP,
    FIELD + BLOCK * HOP - 1,
    FIELD + BLOCK * HOP,
    99_999,
]
"""Around the shortest clip and the first block's end, and several blocks."""


def _model(norm: str, kind: str = "ctc") -> Any:
    torch.manual_seed(0)
    shape = {**SHAPE, "feat_extract_norm": norm, "do_stable_layer_norm": norm == "layer"}
    if kind == "ctc":
        return Wav2Vec2ForCTC(Wav2Vec2Config(**shape, vocab_size=12)).eval()
    return HubertForSequenceClassification(HubertConfig(**shape, num_labels=4)).eval()


def _sound(clips: int, length: int) -> torch.Tensor:
    made = np.random.default_rng(length).normal(0.01, 0.1, (clips, length)).astype(np.float32)
    made[:, : length // 2] *= 0.1  # the parts of a clip are unlike one another
    return torch.from_numpy(made)


@torch.inference_mode()
@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("length", LENGTHS)
def test_it_gives_what_the_whole_clip_gives(norm: str, length: int) -> None:
    whole, sound = _model(norm).wav2vec2.feature_extractor, _sound(1, length)
    expected, found = whole(sound).numpy(), BlockwiseFront(whole)(sound).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert length < FIELD + HOP or np.ptp(expected[0, :, 0] - expected[0, :, -1]) > 0.01


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["ctc", "emotion"])
@pytest.mark.parametrize("norm", ["group", "layer"])
def test_a_batch_of_clips_has_the_same_results(kind: str, norm: str) -> None:
    """Each clip has statistics of its own."""
    sound = torch.cat([_sound(1, 50_000), 0.2 * _sound(1, 50_000) + 0.3])
    expected = _model(norm, kind)(sound).logits.numpy()
    model = on_device(_model(norm, kind), "cpu")
    assert isinstance(model.base_model.feature_extractor, BlockwiseFront)
    np.testing.assert_allclose(model(sound).logits.numpy(), expected, atol=2e-5)


def test_a_front_of_another_form_stays_as_it_is() -> None:
    model = _model("layer")
    model.wav2vec2.feature_extractor.conv_layers[2].conv.padding = (1,)
    front = model.wav2vec2.feature_extractor
    assert on_device(model, "cpu").wav2vec2.feature_extractor is front
