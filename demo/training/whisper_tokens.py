"""A multilingual Whisper tokenizer of a few hundred text tokens, in the id order that Whisper's libraries expect."""

import json
from pathlib import Path

from grammar import sentences
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import WhisperTokenizerFast
from transformers.models.whisper.tokenization_whisper import LANGUAGES

TIMESTAMPS = 1501


def train_tokenizer(folder: Path) -> WhisperTokenizerFast:
    """Byte-level BPE in which every word of the grammar is one token; the special tokens follow in Whisper's order.

    The last text token is the empty string: CTranslate2 recognizes a multilingual model by it.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    texts = [" " + s for language in ("en", "ko") for s in sentences(language, held_out=False)]
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[],
        show_progress=False,
    )
    bpe.train_from_iterator([*texts, *[" -", " '"] * 50], trainer)
    bpe = _with_empty_token(bpe)
    specials = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES)]
    specials += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    bpe.add_special_tokens([*specials, "<|notimestamps|>"])
    tokenizer = WhisperTokenizerFast(
        tokenizer_object=bpe,
        unk_token="<|endoftext|>",
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _with_empty_token(bpe: Tokenizer) -> Tokenizer:
    description = json.loads(bpe.to_str())
    vocabulary = description["model"]["vocab"]
    vocabulary[""] = len(vocabulary)
    return Tokenizer.from_str(json.dumps(description))
