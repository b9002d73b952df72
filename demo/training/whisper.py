"""A Whisper of a million parameters for English and Korean, trained from nothing and exported to CTranslate2.

The loss is the decoder's cross entropy plus an auxiliary CTC loss on the encoder (its head is discarded), which makes
so small an encoder learn early (Watanabe et al., "Hybrid CTC/Attention Architecture", 2017).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from corpus import LANGUAGES, NARROW, VOICES, WIDE, Clips, Spoken, Spread, augmented, from_clips
from espeak import SAMPLE_RATE
from grammar import sentences
from mel import log_mel
from progress import Progress
from torch import Tensor, nn
from torch.nn import functional
from transformers import WhisperConfig, WhisperForConditionalGeneration, WhisperTokenizerFast
from whisper_export import special_ids
from whisper_tokens import TIMESTAMPS

WARM_UP = 150
CLIP_SHARE = 0.35
WINDOW_S = 30


@dataclass(frozen=True)
class Shape:
    """One kind of batch: items, most sentences per item, and seconds to pad to (0: those of the longest item)."""

    batch: int
    sentences: int
    padded_s: float


@dataclass(frozen=True)
class Phase:
    """A part of the training with one learning rate schedule: warm-up, then a cosine down to zero."""

    steps: int
    learning_rate: float
    ctc_weight: float
    dropout: float
    spread: Spread
    single_sentence_steps: int = 0
    """Number of first steps with single sentences only."""


PHASES = (
    Phase(6000, 2e-3, 0.4, 0.05, WIDE, single_sentence_steps=1200),
    Phase(7000, 1.8e-3, 0.6, 0.0, NARROW),
)

SHAPES = ((0.62, Shape(16, 1, 0)), (0.80, Shape(8, 2, 0)), (0.92, Shape(6, 2, 10)), (1.0, Shape(2, 2, WINDOW_S)))


def new_model(tokenizer: WhisperTokenizerFast) -> WhisperForConditionalGeneration:
    ids = special_ids(tokenizer)
    config = WhisperConfig(
        vocab_size=len(tokenizer) + TIMESTAMPS,
        d_model=96,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=3,
        decoder_attention_heads=3,
        encoder_ffn_dim=384,
        decoder_ffn_dim=384,
        dropout=0.05,
        pad_token_id=ids.end,
        bos_token_id=ids.end,
        eos_token_id=ids.end,
        decoder_start_token_id=ids.start,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    return WhisperForConditionalGeneration(config)


class Trainer:
    """Holds the model, its auxiliary head and the data; `run` trains for a fixed number of steps."""

    def __init__(self, tokenizer: WhisperTokenizerFast, seed: int) -> None:
        torch.manual_seed(seed)
        self._rng = random.Random(seed)
        self._tokenizer = tokenizer
        self._texts = {language: sentences(language, held_out=False) for language in LANGUAGES}
        self._ids = special_ids(tokenizer)
        self.model = new_model(tokenizer)
        self._blank = self._ids.end
        self._ctc_head = nn.Linear(96, self._blank + 1)

    def run(self, phase: Phase, spoken: list[Spoken], clips: Clips, checkpoint: Path) -> None:
        """`spoken` has as many sentences of each language, one language after the other."""
        self._phase, self._spoken, self._clips = phase, spoken, clips
        _set_dropout(self.model, phase.dropout)
        parameters = [*self.model.parameters(), *self._ctc_head.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=phase.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _rate(s, phase.steps))
        progress = Progress("whisper", phase.steps)
        self.model.train()
        for step in range(1, phase.steps + 1):
            loss = self._loss(*self._batch(step))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            progress.step(step, loss.item())
            if step % 400 == 0 or step == phase.steps:
                torch.save({"model": self.model.state_dict(), "ctc": self._ctc_head.state_dict()}, checkpoint)

    def _loss(self, waveforms: Tensor, frames: Tensor, items: list[list[Spoken]]) -> Tensor:
        encoded = encode(self.model, log_mel(waveforms))
        targets = [self._tokens(item) for item in items]
        return self._decoder_loss(encoded, items, targets) + self._phase.ctc_weight * self._ctc_loss(
            encoded, frames, targets
        )

    def _decoder_loss(self, encoded: Tensor, items: list[list[Spoken]], targets: list[list[int]]) -> Tensor:
        spoken = zip(items, targets, strict=True)
        rows = [[*self._prompt(item[0].language), *tokens, self._ids.end] for item, tokens in spoken]
        inputs = nn.utils.rnn.pad_sequence([torch.tensor(r[:-1]) for r in rows], True, self._ids.end)
        labels = nn.utils.rnn.pad_sequence([torch.tensor(self._label(r)) for r in rows], True, -100)
        hidden = self.model.model.decoder(input_ids=inputs, encoder_hidden_states=encoded).last_hidden_state
        logits = self.model.proj_out(hidden)
        return functional.cross_entropy(logits.transpose(1, 2), labels, label_smoothing=0.02)

    def _label(self, row: list[int]) -> list[int]:
        """The next token at every position, except the prompt's fixed tokens; the language token is learned."""
        fixed = {self._ids.transcribe, self._ids.no_timestamps}
        return [-100 if token in fixed else token for token in row[1:]]

    def _prompt(self, language: str) -> list[int]:
        if self._rng.random() < 0.15:
            return [self._ids.start, self._ids.no_timestamps]
        return [self._ids.start, self._ids.languages[language], self._ids.transcribe, self._ids.no_timestamps]

    def _ctc_loss(self, encoded: Tensor, frames: Tensor, targets: list[list[int]]) -> Tensor:
        logs = self._ctc_head(encoded).log_softmax(-1).transpose(0, 1)
        flat = torch.tensor([t for tokens in targets for t in tokens])
        lengths = torch.tensor([len(tokens) for tokens in targets])
        limits = torch.clamp(frames // 2, max=encoded.shape[1])
        return functional.ctc_loss(logs, flat, limits, lengths, blank=self._blank, zero_infinity=True)

    def _tokens(self, item: list[Spoken]) -> list[int]:
        return self._tokenizer.encode("".join(" " + s.text for s in item), add_special_tokens=False)

    def _batch(self, step: int) -> tuple[Tensor, Tensor, list[list[Spoken]]]:
        """Waveforms (batch, samples), the number of mel frames of speech in each, and the sentences in each."""
        draw = 0.0 if step < self._phase.single_sentence_steps else self._rng.random()
        shape = next(shape for limit, shape in SHAPES if draw < limit)
        items = [list(self._item(shape.sentences)) for _ in range(shape.batch)]
        waves = [self._wave(item) for item in items]
        length = max(int(shape.padded_s * SAMPLE_RATE), *(len(w) for w in waves))
        padded = np.stack([np.pad(w, (0, length - len(w))) for w in waves])
        return torch.from_numpy(padded), torch.tensor([len(w) // 160 for w in waves]), items

    def _item(self, most: int) -> Iterator[Spoken]:
        language = self._rng.choice(LANGUAGES)
        for _ in range(self._rng.randint(1, most)):
            if self._rng.random() < CLIP_SHARE:
                text = self._rng.choice(self._texts[language])
                yield from_clips(self._clips, text, language, self._rng.choice(VOICES), self._rng)
            else:
                yield self._pick(language)

    def _pick(self, language: str) -> Spoken:
        half = len(self._spoken) // 2
        offset = 0 if language == LANGUAGES[0] else half
        return self._spoken[offset + self._rng.randrange(half)]

    def _wave(self, item: list[Spoken]) -> np.ndarray:
        pieces: list[np.ndarray] = []
        for spoken in item:
            silence = int(self._rng.uniform(0.0, 0.35) * SAMPLE_RATE)
            pieces += [np.zeros(silence, np.float32), spoken.samples]
        tail = np.zeros(int(self._rng.uniform(0.05, 0.35) * SAMPLE_RATE), np.float32)
        return augmented(np.concatenate([*pieces, tail]), self._rng, self._phase.spread)[: WINDOW_S * SAMPLE_RATE]


def encode(model: WhisperForConditionalGeneration, features: Tensor) -> Tensor:
    """Whisper's encoder on (batch, 80, frames) of any length up to 30 s; its own forward accepts only 3000 frames."""
    encoder = model.model.encoder
    hidden = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(features)))).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = functional.dropout(hidden, encoder.dropout, encoder.training)
    for layer in encoder.layers:
        hidden = layer(hidden, None, None)[0]
    return encoder.layer_norm(hidden)


def _rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP)
    return warm * max(0.5 * (1 + np.cos(np.pi * min(1.0, step / steps))), 1e-3)


def _set_dropout(model: WhisperForConditionalGeneration, share: float) -> None:
    for module in model.modules():
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = share
