"""A toy emotion classifier: it distinguishes four renderings of synthetic speech and knows nothing of real emotion."""

import json
import random
from pathlib import Path

import numpy as np
import torch
from aligner import gabor_front_end, start_from_gabor_filters
from corpus import ESPEAK_LANGUAGE, LANGUAGES, VOICES, augmented
from espeak import SAMPLE_RATE, Synthesizer, Voice
from grammar import sentences
from numpy.typing import NDArray
from progress import Progress
from torch import nn
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

STEPS = 800
BATCH = 16
UTTERANCES = 300
CHUNK_S = 1.5

RENDERINGS = {
    "neutral": {"rate": 155, "pitch": 45, "range": 35},
    "happy": {"rate": 185, "pitch": 70, "range": 90},
    "sad": {"rate": 115, "pitch": 25, "range": 10},
    "angry": {"rate": 205, "pitch": 30, "range": 75},
}
"""espeak-ng's parameters for each class."""

Labelled = tuple[NDArray[np.float32], int]


def render_all(synthesizer: Synthesizer, seed: int) -> list[Labelled]:
    rng = random.Random(seed)
    return [
        (_render(synthesizer, rng, name), label) for label, name in enumerate(RENDERINGS) for _ in range(UTTERANCES)
    ]


def train(utterances: list[Labelled], seed: int, steps: int = STEPS) -> Wav2Vec2ForSequenceClassification:
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = _new_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    progress = Progress("emotion", steps)
    model.train()
    for step in range(1, steps + 1):
        waves, labels = zip(*rng.sample(utterances, BATCH), strict=True)
        batch = torch.from_numpy(np.stack([_chunk(wave, rng) for wave in waves]))
        loss = functional.cross_entropy(model(batch).logits, torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.step(step, loss.item())
    return model.eval()


def save(model: Wav2Vec2ForSequenceClassification, target: Path) -> None:
    """Write the folder that transformers' `pipeline("audio-classification")` loads."""
    model.save_pretrained(target)
    Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=False).save_pretrained(target)
    config = json.loads((target / "config.json").read_text())
    assert set(config["id2label"].values()) == set(RENDERINGS)


def accuracy(model: Wav2Vec2ForSequenceClassification, utterances: list[Labelled]) -> float:
    """Share of right labels on whole utterances."""
    with torch.inference_mode():
        right = [int(model(torch.from_numpy(w)[None]).logits.argmax()) == label for w, label in utterances]
    return sum(right) / len(right)


def _new_model() -> Wav2Vec2ForSequenceClassification:
    config = Wav2Vec2Config(
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=160,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=8,
        apply_spec_augment=False,
        layerdrop=0.0,
        classifier_proj_size=64,
        id2label=dict(enumerate(RENDERINGS)),
        label2id={name: i for i, name in enumerate(RENDERINGS)},
    )
    model = Wav2Vec2ForSequenceClassification(gabor_front_end(config))
    start_from_gabor_filters(model.wav2vec2.feature_extractor.conv_layers[0].conv)
    return model


def _render(synthesizer: Synthesizer, rng: random.Random, name: str) -> NDArray[np.float32]:
    language, rule = rng.choice(LANGUAGES), RENDERINGS[name]
    voice = Voice(rng.choice(VOICES), **{key: value + rng.randint(-6, 6) for key, value in rule.items()})
    text = rng.choice(sentences(language, held_out=False))
    return synthesizer.say(text, ESPEAK_LANGUAGE[language], voice).samples


def _chunk(wave: NDArray[np.float32], rng: random.Random) -> NDArray[np.float32]:
    length = int(CHUNK_S * SAMPLE_RATE)
    padded = np.pad(wave, (0, max(0, length - len(wave))))
    start = rng.randrange(len(padded) - length + 1)
    return augmented(padded[start : start + length], rng)
