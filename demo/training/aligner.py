"""A small wav2vec2 CTC model with which whisperX aligns English and Korean words.

In whisperX's trellis a token takes one frame, and only blanks may follow it, so a model that repeats a character over
two frames makes every correct path expensive. It is therefore trained on that same lattice (compare Sak et al.,
"Recurrent Neural Aligner", 2017) and on cross entropy at the frames where, by the synthesizer, a word begins or ends.
"""

import json
import math
import random
from pathlib import Path

import numpy as np
import torch
from corpus import LANGUAGES, VOICES, Clips, Spoken, augmented, from_clips
from espeak import SAMPLE_RATE
from grammar import sentences, vocabulary
from progress import Progress
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
)

STEPS = 2200
BATCH = 12
LEARNING_RATE = 1.5e-3
WARM_UP = 150
KNOWN_FRAMES_WEIGHT = 0.5
CLIP_SHARE = 0.4
FRAMES_PER_SECOND = 50
BLANK, BAR = 0, 4
_IMPOSSIBLE = -1e9


def character_ids() -> dict[str, int]:
    """The vocabulary; whisperX lowercases text and takes the padding token for the blank."""
    words = [w.lower() for language in LANGUAGES for w in vocabulary(language)]
    characters = sorted({c for word in words for c in word} | set("abcdefghijklmnopqrstuvwxyz'"))
    return {token: i for i, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *characters])}


def gabor_front_end(config: Wav2Vec2Config) -> Wav2Vec2Config:
    """Two convolutions in place of seven: a 25 ms window every 10 ms, then pairs of them; 20 ms a frame as usual."""
    config.update(
        {"conv_kernel": [400, 3], "conv_stride": [160, 2], "conv_dim": [160, 96], "num_feat_extract_layers": 2}
    )
    return config


def start_from_gabor_filters(convolution: nn.Conv1d) -> None:
    """40 mel-spaced bands of 4 phases each, under a Hann window: (160, 1, 400)."""
    top = 2595 * math.log10(1 + 7600 / 700)
    mels = torch.linspace(2595 * math.log10(1 + 80 / 700), top, 40)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    time = torch.arange(400) / SAMPLE_RATE
    phases = torch.arange(4) * math.pi / 2
    waves = torch.cos(2 * math.pi * hertz[:, None, None] * time + phases[None, :, None])
    with torch.no_grad():
        convolution.weight.copy_((waves * torch.hann_window(400) * 0.05).reshape(160, 1, 400))


def new_model(ids: dict[str, int]) -> Wav2Vec2ForCTC:
    config = Wav2Vec2Config(
        vocab_size=len(ids),
        hidden_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=256,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=8,
        apply_spec_augment=False,
        layerdrop=0.0,
        hidden_dropout=0.05,
        attention_dropout=0.05,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        pad_token_id=BLANK,
    )
    model = Wav2Vec2ForCTC(gabor_front_end(config))
    start_from_gabor_filters(model.wav2vec2.feature_extractor.conv_layers[0].conv)
    return model


class Trainer:
    """Holds the model and the training data; `run` trains for a fixed number of steps."""

    def __init__(self, spoken: list[Spoken], clips: Clips, seed: int) -> None:
        torch.manual_seed(seed)
        self._rng = random.Random(seed)
        self._spoken = [s for s in spoken if s.spans]
        self._clips = clips
        self._texts = {language: sentences(language, held_out=False) for language in LANGUAGES}
        self.ids = character_ids()
        self.model = new_model(self.ids)

    def run(self, target: Path, steps: int = STEPS) -> None:
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE, weight_decay=0.01, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _rate(s, steps))
        progress = Progress("aligner", steps)
        self.model.train()
        for step in range(1, steps + 1):
            loss = self._loss(*self._batch())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress.step(step, loss.item())
            if step % 400 == 0 or step == steps:
                save(self.model, self.ids, target)

    def _batch(self) -> tuple[Tensor, Tensor, list[list[int]], list[list[tuple[int, int]]]]:
        """Waveforms (batch, samples), their lengths, the tokens of each, and (token index, frame) where known."""
        items = [self._item() for _ in range(BATCH)]
        length = max(len(wave) for wave, _, _ in items)
        waves = torch.from_numpy(np.stack([np.pad(wave, (0, length - len(wave))) for wave, _, _ in items]))
        lengths = torch.tensor([len(wave) for wave, _, _ in items])
        return waves, lengths, [tokens for _, tokens, _ in items], [known for _, _, known in items]

    def _item(self) -> tuple[np.ndarray, list[int], list[tuple[int, int]]]:
        pieces: list[np.ndarray] = []
        words: list[tuple[str, float, float]] = []
        position = 0
        for _ in range(self._rng.choice((1, 1, 2))):
            spoken = self._sentence()
            silence = int(self._rng.uniform(0.0, 0.4) * SAMPLE_RATE)
            pieces += [np.zeros(silence, np.float32), spoken.samples]
            offset = (position + silence) / SAMPLE_RATE
            spans = zip(spoken.text.lower().split(), spoken.spans, strict=True)
            words += [(word.strip(".?"), offset + a, offset + b) for word, (a, b) in spans]
            position += silence + len(spoken.samples)
        pieces.append(np.zeros(int(self._rng.uniform(0.0, 0.4) * SAMPLE_RATE), np.float32))
        wave = augmented(np.concatenate(pieces), self._rng)
        return wave, *targets(words, self.ids, frames_of(len(wave)))

    def _sentence(self) -> Spoken:
        if self._rng.random() >= CLIP_SHARE:
            return self._rng.choice(self._spoken)
        language = self._rng.choice(LANGUAGES)
        text = self._rng.choice(self._texts[language])
        return from_clips(self._clips, text, language, self._rng.choice(VOICES), self._rng)

    def _loss(
        self, waves: Tensor, lengths: Tensor, tokens: list[list[int]], known: list[list[tuple[int, int]]]
    ) -> Tensor:
        logs = self.model(waves).logits.log_softmax(-1)
        frames = torch.tensor([frames_of(int(n)) for n in lengths])
        rows = [(i, frame, tokens[i][j]) for i, pairs in enumerate(known) for j, frame in pairs]
        at = torch.tensor(rows).T
        return lattice_loss(logs, frames, tokens) + KNOWN_FRAMES_WEIGHT * -logs[at[0], at[1], at[2]].mean()


def frames_of(samples: int) -> int:
    """Number of frames that the two convolutions return."""
    return ((samples - 400) // 160 + 1 - 3) // 2 + 1


def targets(
    words: list[tuple[str, float, float]], ids: dict[str, int], frames: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """The words' characters with a bar after each word, and the known (token index, frame) pairs at words' ends."""
    tokens: list[int] = []
    known: list[tuple[int, int]] = []
    starts = [_frame(a, frames) for _, a, _ in words]
    for i, (word, _, end) in enumerate(words):
        last = starts[i + 1] - 1 if i + 1 < len(words) else frames - 1
        bar = max(min(_frame(end, frames), last), starts[i] + 2)
        known.append((len(tokens), starts[i]))
        tokens += [ids[c] for c in word]
        if len(word) > 1 and bar < frames:
            known.append((len(tokens) - 1, bar - 1))
        if bar < frames:
            known.append((len(tokens), bar))
        tokens.append(BAR)
    return tokens, known


def _frame(seconds: float, frames: int) -> int:
    return min(max(round(seconds * FRAMES_PER_SECOND - 0.2), 0), frames - 1)


def lattice_loss(logs: Tensor, frames: Tensor, tokens: list[list[int]]) -> Tensor:
    """Negative log likelihood per token, where each token takes exactly one frame and all other frames are blank.

    `logs`: (batch, frames, vocabulary) log probabilities; `frames`: (batch,) how many of them count.
    """
    lengths = torch.tensor([len(t) for t in tokens])
    padded = nn.utils.rnn.pad_sequence([torch.tensor(t) for t in tokens], batch_first=True)
    said = logs.gather(2, padded[:, None, :].expand(-1, logs.shape[1], -1))
    alpha = torch.full((len(tokens), padded.shape[1] + 1), _IMPOSSIBLE)
    alpha[:, 0] = 0.0
    # unbind: indexing would allocate a gradient of the whole tensor for every frame
    for t, (blank, here) in enumerate(zip(logs[:, :, BLANK, None].unbind(1), said.unbind(1), strict=True)):
        move = functional.pad(alpha[:, :-1] + here, (1, 0), value=_IMPOSSIBLE)
        alpha = torch.where((t < frames)[:, None], torch.logaddexp(alpha + blank, move), alpha)
    return -(alpha.gather(1, lengths[:, None]).squeeze(1) / lengths).mean()


def save(model: Wav2Vec2ForCTC, ids: dict[str, int], target: Path) -> None:
    """Write the folder that whisperX loads as `align_model`."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False))
    tokenizer = Wav2Vec2CTCTokenizer(str(target / "vocab.json"))
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=False)
    Wav2Vec2Processor(extractor, tokenizer).save_pretrained(target)
    model.save_pretrained(target)


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP)
    return warm * max(0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))), 1e-3)
