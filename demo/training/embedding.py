"""The speaker embedding of the demo's diarization, and the PLDA files that pyannote needs beside it.

Trained by additive-margin softmax over synthetic voices (Wang et al., "Additive Margin Softmax for Face Verification",
2018), half of the batches under random masks, since diarization embeds the parts of a chunk that one speaker says.
"""

import math
import random
from pathlib import Path

import numpy as np
import torch
from corpus import ESPEAK_LANGUAGE, LANGUAGES, augmented
from espeak import SAMPLE_RATE, Synthesizer, Voice
from grammar import sentences
from numpy.typing import NDArray
from progress import Progress
from scipy.linalg import eigh
from small_speaker_embedding import SmallSpeakerEmbedding
from torch import Tensor, nn
from torch.nn import functional

STEPS = 900
BATCH = 24
CHUNK_S = 2.0
SCALE, MARGIN = 15.0, 0.15
SENTENCES_A_VOICE = 16
VARIANTS = [
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "Andy",
    "Annie",
    "Alex",
    "Alicia",
    "Andrea",
    "Diogo",
    "Gene",
    "Henrique",
    "Hugo",
    "Jacky",
    "Lee",
    "Mario",
    "Michael",
    "Mike",
    "Reed",
    "Storm",
    "adam",
    "anika",
    "aunty",
    "belinda",
    "benjamin",
    "caleb",
    "david",
    "ed",
    "edward",
    "grandma",
    "grandpa",
    "ian",
    "iven",
    "john",
    "linda",
    "marcelo",
    "max",
    "miguel",
    "norbert",
    "pablo",
    "paul",
    "pedro",
    "quincy",
    "rob",
    "robert",
    "shelby",
    "steph",
    "victor",
    "zac",
]


def render_voices(synthesizer: Synthesizer, seed: int) -> list[NDArray[np.float32]]:
    """One long waveform per voice, whose pitch and rate vary only slightly."""
    rng = random.Random(seed)
    voices: list[NDArray[np.float32]] = []
    for variant in VARIANTS:
        pitch, rate = rng.randint(28, 72), rng.randint(135, 185)
        said: list[NDArray[np.float32]] = []
        for i in range(SENTENCES_A_VOICE):
            language = LANGUAGES[i % 2]
            voice = Voice(variant, rate + rng.randint(-8, 8), pitch + rng.randint(-3, 3))
            text = rng.choice(sentences(language, held_out=False))
            said.append(synthesizer.say(text, ESPEAK_LANGUAGE[language], voice).samples)
        voices.append(np.concatenate(said))
    return voices


def train(voices: list[NDArray[np.float32]], seed: int, steps: int = STEPS) -> SmallSpeakerEmbedding:
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = SmallSpeakerEmbedding()
    centres = nn.Parameter(torch.randn(len(voices), model.dimension))
    parameters = [*model.parameters(), centres]
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    progress = Progress("embedding", steps)
    model.train()
    for step in range(1, steps + 1):
        labels = torch.tensor([rng.randrange(len(voices)) for _ in range(BATCH)])
        embedded = model(_chunks(voices, labels, rng), _masks(rng) if rng.random() < 0.5 else None)
        loss = _margin_loss(embedded, centres, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        schedule.step()
        progress.step(step, loss.item())
    return model.eval()


def save(model: SmallSpeakerEmbedding, voices: list[NDArray[np.float32]], target: Path) -> None:
    """Write `embedding/pytorch_model.bin` and `plda/*.npz` below `target`."""
    (target / "embedding").mkdir(parents=True, exist_ok=True)
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": "2.0.0",
        "epoch": 0,
        "global_step": 0,
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
    }
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, target / "embedding/pytorch_model.bin")
    _save_plda(*_embeddings(model, voices), target / "plda")


def _chunks(voices: list[NDArray[np.float32]], labels: Tensor, rng: random.Random) -> Tensor:
    length = int(CHUNK_S * SAMPLE_RATE)
    starts = [rng.randrange(len(voices[i]) - length) for i in labels.tolist()]
    cut = [voices[i][start : start + length] for i, start in zip(labels.tolist(), starts, strict=True)]
    return torch.from_numpy(np.stack([augmented(c, rng) for c in cut]))[:, None]


def _masks(rng: random.Random) -> Tensor:
    """One mask per chunk, (batch, frames): a single stretch of 25 to 90 % is 1, the rest 0."""
    masks = torch.zeros(BATCH, 100)
    for row in masks:
        share = rng.uniform(0.25, 0.9)
        start = int(rng.uniform(0, 1 - share) * 100)
        row[start : start + int(share * 100)] = 1.0
    return masks


def _margin_loss(embedded: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
    cosines = functional.normalize(embedded) @ functional.normalize(centres).T
    return functional.cross_entropy(SCALE * (cosines - MARGIN * functional.one_hot(labels, len(centres))), labels)


def _embeddings(model: SmallSpeakerEmbedding, voices: list[NDArray[np.float32]]) -> tuple[np.ndarray, np.ndarray]:
    """(chunks, dimension) embeddings and the voice of each."""
    rng = random.Random(0)
    labels = torch.arange(len(voices)).repeat(12)
    with torch.inference_mode():
        embedded = model(_chunks(voices, labels, rng))
    return embedded.numpy().astype(np.float64), labels.numpy()


def _save_plda(embedded: np.ndarray, labels: np.ndarray, target: Path, kept: int = 24) -> None:
    """Write centring, LDA to `kept` dimensions and a two-covariance PLDA, by the keys that pyannote's VBx reads."""
    mean1 = embedded.mean(0)
    scaled = math.sqrt(embedded.shape[1]) * _unit(embedded - mean1)
    within, between = _scatter(scaled, labels)
    lda = eigh(between, within)[1][:, ::-1][:, :kept]
    mean2 = (scaled @ lda).mean(0)
    latent = math.sqrt(kept) * _unit(scaled @ lda - mean2)
    within, between = _scatter(latent, labels)
    psi, transform = eigh(between, within)
    target.mkdir(parents=True, exist_ok=True)
    np.savez(target / "xvec_transform.npz", mean1=mean1, mean2=mean2, lda=lda)
    np.savez(target / "plda.npz", mu=latent.mean(0), tr=transform.T[::-1], psi=np.maximum(psi[::-1], 1e-6))


def _scatter(points: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Within-class covariance, regularized to be invertible, and between-class covariance."""
    means = np.stack([points[labels == label].mean(0) for label in np.unique(labels)])
    centred = points - means[np.searchsorted(np.unique(labels), labels)]
    within = np.cov(centred.T) + 1e-4 * np.eye(points.shape[1])
    return within, np.cov(means.T)


def _unit(points: np.ndarray) -> np.ndarray:
    return points / np.linalg.norm(points, axis=1, keepdims=True)
