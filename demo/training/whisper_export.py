"""Converts trained weights to the folder that faster-whisper loads."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ctranslate2.converters import TransformersConverter
from transformers import (
    GenerationConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizerFast,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES


@dataclass(frozen=True)
class SpecialIds:
    """The ids of the special tokens that training and decoding use."""

    end: int
    start: int
    transcribe: int
    translate: int
    no_timestamps: int
    languages: dict[str, int]


def special_ids(tokenizer: WhisperTokenizerFast) -> SpecialIds:
    of = tokenizer.convert_tokens_to_ids
    return SpecialIds(
        end=of("<|endoftext|>"),
        start=of("<|startoftranscript|>"),
        transcribe=of("<|transcribe|>"),
        translate=of("<|translate|>"),
        no_timestamps=of("<|notimestamps|>"),
        languages={code: of(f"<|{code}|>") for code in LANGUAGES},
    )


def export(model: WhisperForConditionalGeneration, tokenizer: WhisperTokenizerFast, target: Path) -> None:
    """Write `target` as a CTranslate2 model of int8 weights with its tokenizer and feature settings."""
    model.eval()
    model.generation_config = _generation_config(tokenizer)
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        WhisperFeatureExtractor().save_pretrained(folder)
        converter = TransformersConverter(folder, copy_files=["tokenizer.json", "preprocessor_config.json"])
        converter.convert(str(target), quantization="int8", force=True)


def _generation_config(tokenizer: WhisperTokenizerFast) -> GenerationConfig:
    ids = special_ids(tokenizer)
    (space,) = tokenizer.encode(" ", add_special_tokens=False)
    return GenerationConfig(
        bos_token_id=ids.end,
        eos_token_id=ids.end,
        pad_token_id=ids.end,
        decoder_start_token_id=ids.start,
        suppress_tokens=[],
        begin_suppress_tokens=[space, ids.end],
        lang_to_id={f"<|{code}|>": token for code, token in ids.languages.items()},
        task_to_id={"transcribe": ids.transcribe, "translate": ids.translate},
        no_timestamps_token_id=ids.no_timestamps,
        alignment_heads=[[1, 0]],
        is_multilingual=True,
        max_length=448,
    )
