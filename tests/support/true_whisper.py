"""A Whisper of the shape of `base` or `large-v3-turbo` with random weights, which says 90 of the demo's words for a
chunk and then ends.

Its tokens are the demo's, with fillers up to Whisper's number, so that each step of decoding costs what it costs there.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from ctranslate2.converters import TransformersConverter
from tokenizers import Tokenizer
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizerFast,
)

_DEMO = Path(__file__).parents[2] / "demo/models/whisper/tokenizer.json"
_TEXT_TOKENS = 50_257
_TIMESTAMPS = 1501
_WORDS = 90
"""Some three a second of a chunk of 30 s."""


@dataclass(frozen=True)
class Size:
    """Of a Whisper."""

    width: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    mels: int


BASE = Size(512, 6, 6, 8, 80)
LARGE_V3_TURBO = Size(1280, 32, 4, 20, 128)


def build(folder: Path, size: Size = BASE) -> None:
    """Write `folder` as the hub's conversions of Whisper are: CTranslate2 weights in float16."""
    tokenizer = _tokenizer()
    model = _model(tokenizer, size)
    with TemporaryDirectory() as own:
        model.save_pretrained(own)
        tokenizer.save_pretrained(own)
        WhisperFeatureExtractor(feature_size=size.mels).save_pretrained(own)
        converter = TransformersConverter(own, copy_files=["tokenizer.json", "preprocessor_config.json"])
        converter.convert(str(folder), quantization="float16", force=True)
    words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    (folder / "vocabulary.json").unlink()
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")


def _tokenizer() -> WhisperTokenizerFast:
    """The demo's tokens, fillers, then the special tokens in the demo's order."""
    description = json.loads(_DEMO.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = description["model"]["vocab"]
    empty = vocabulary.pop("")
    known = len(vocabulary)
    vocabulary.update({f"filler{number}": number for number in range(known, _TEXT_TOKENS - 1)})
    vocabulary[""] = _TEXT_TOKENS - 1
    specials = sorted((t for t in description["added_tokens"] if t["id"] > empty), key=lambda t: int(t["id"]))
    description["added_tokens"] = [{**t, "id": _TEXT_TOKENS + i} for i, t in enumerate(specials)]
    end = "<|endoftext|>"
    return WhisperTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(description)),
        unk_token=end,
        bos_token=end,
        eos_token=end,
        pad_token=end,
    )


def _model(tokenizer: WhisperTokenizerFast, size: Size) -> WhisperForConditionalGeneration:
    of: Any = tokenizer.convert_tokens_to_ids
    end, start = of("<|endoftext|>"), of("<|startoftranscript|>")
    config = WhisperConfig(
        vocab_size=len(tokenizer) + _TIMESTAMPS,
        d_model=size.width,
        num_mel_bins=size.mels,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=4 * size.width,
        decoder_ffn_dim=4 * size.width,
        decoder_start_token_id=start,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        suppress_tokens=[],
        begin_suppress_tokens=[end],
    )
    torch.manual_seed(0)
    model: Any = WhisperForConditionalGeneration(config)
    _have_it_say_words(model.model.decoder, tokenizer, end)
    languages = [t for t in tokenizer.get_added_vocab() if len(t) in (6, 7) and t[2:-2].isalpha()]
    model.generation_config = GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        suppress_tokens=[],
        begin_suppress_tokens=[end],
        lang_to_id={token: of(token) for token in languages},
        task_to_id={"transcribe": of("<|transcribe|>"), "translate": of("<|translate|>")},
        no_timestamps_token_id=of("<|notimestamps|>"),
        alignment_heads=[[size.decoder_layers - 1, head] for head in range(size.heads)],
        is_multilingual=True,
        max_length=448,
    )
    return model


def _have_it_say_words(decoder: Any, tokenizer: WhisperTokenizerFast, end: int) -> None:
    """A word at each place, and the end after _WORDS of them: the output weights are the embeddings'.

    The words are short, so that a chunk of six seconds has a frame of the aligner for each of their characters.
    """
    tokens, places = decoder.embed_tokens.weight.data, decoder.embed_positions.weight.data
    width = tokens.shape[1]
    words = [word for word in sorted(tokenizer.get_vocab()) if re.fullmatch("\u0120[A-Za-z]{2}", word)]
    tokens.mul_(0.2)
    for word in words:
        tokens[tokenizer.convert_tokens_to_ids(word)] = torch.randn(width) * 0.06
    places.copy_(torch.randn_like(places) * 0.1)
    direction = torch.randn(width)
    direction /= direction.norm()
    places[_WORDS:] += direction * 8
    tokens[end] = direction * 3
