"""Word times by whisperX's forced alignment (wav2vec2, CTC), with NLTK's sentence splitter, which it would download."""

import atexit
import logging
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nltk
from whisperx.alignment import align, load_align_model
from whisperx.utils import PUNKT_LANGUAGES

from ecg_pipeline.ports import AlignedWord, OnProgress, Samples, Sentence, Utterance

_log = logging.getLogger(__name__)
_PUNKT_FILES = ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt")


class WhisperXAligner:
    """`name` is torchaudio's, the hub's or a folder. Raises ValueError when there is no such model."""

    def __init__(self, language: str, name: str, device: str, nltk_data: str | None) -> None:
        _provide_punkt(language, nltk_data)
        self._model, self._metadata = load_align_model(language, device, model_name=name)
        self._device = device

    def align(self, samples: Samples, utterances: Sequence[Utterance], on_progress: OnProgress) -> Sequence[Sentence]:
        found = align(
            [{"start": u.start, "end": u.end, "text": u.text} for u in utterances],
            self._model,
            self._metadata,
            samples,
            self._device,
            progress_callback=lambda percent: on_progress(percent / 100),
        )
        return [_sentence(segment) for segment in found["segments"]]


def _sentence(segment: Mapping[str, Any]) -> Sentence:
    words = [
        AlignedWord(w["word"], _number(w, "start"), _number(w, "end"), _number(w, "score")) for w in segment["words"]
    ]
    return Sentence(float(segment["start"]), float(segment["end"]), segment["text"], words)


def _number(word: Mapping[str, Any], name: str) -> float | None:
    """numpy's floats come in, NaN for what is missing."""
    value = word.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def _provide_punkt(language: str, folder: str | None) -> None:
    """Have NLTK find the language's `punkt_tab`: in `folder`, in its own folders, or else as empty parameters.

    Empty parameters split after every full stop before a capital letter; they only lack the abbreviations.
    """
    name = PUNKT_LANGUAGES.get(language, "english")
    if folder is not None and folder not in nltk.data.path:
        nltk.data.path.insert(0, folder)
    try:
        nltk.data.find(f"tokenizers/punkt_tab/{name}/")
    except LookupError:
        _log.warning("punkt_data_missing", extra={"language": name, "advice": "set NLTK_DATA to know abbreviations"})
        nltk.data.path.append(_write_empty_punkt(name))


def _write_empty_punkt(name: str) -> str:
    root = Path(tempfile.mkdtemp(prefix="ecg-nltk-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    target = root / "tokenizers" / "punkt_tab" / name
    target.mkdir(parents=True)
    for file in _PUNKT_FILES:
        (target / file).touch()
    return str(root)
