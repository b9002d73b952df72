"""Which files of a repository a library loads, and whether a folder has them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_UNUSED_BY_PYANNOTE = ("*.md", ".git*", "*.gif", "*.png", "*.jpg")
_WHISPER = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_SMALL = ("*.json", "*.txt", "*.model")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_PART = re.compile(r"\$model/([^\s@'\"]+)")
_OTHER_REPOSITORY = re.compile(r":[ \t]*['\"]?([A-Za-z0-9][\w.-]*/[\w.-]+)['\"]?[ \t]*$", re.MULTILINE)
_DEFAULT_PLDA = "pyannote/speaker-diarization-community-1"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a library loads from a repository."""

    choose: Callable[[Sequence[str]], list[str]]
    """The files to download, of all that a repository has."""
    missing: Callable[[Path], list[str]]
    """The files that a folder lacks; empty where it can be loaded."""


def _matching(names: Sequence[str], *patterns: str) -> list[str]:
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


def _lacking(folder: Path, *patterns: str) -> list[str]:
    return [pattern for pattern in patterns if not any(path.exists() for path in folder.glob(pattern))]


def _transformers_files(names: Sequence[str]) -> list[str]:
    """Weights in safetensors where there are any, else pickled ones; all at the top of the repository."""
    top = [name for name in names if "/" not in name]
    weights = _matching(top, "model*.safetensors") or _matching(top, "pytorch_model*.bin")
    return [*_matching(top, *_SMALL), *weights]


def _transformers_missing(folder: Path) -> list[str]:
    small = _lacking(folder, "config.json", "preprocessor_config.json")
    for weights in _WEIGHTS:
        if (folder / weights).exists():
            return small
        if (folder / f"{weights}.index.json").exists():
            return small + _lacking(folder, *_shards(folder / f"{weights}.index.json"))
    return [*small, "weights"]


def _shards(index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError):
        return ["weights"]


def _pipeline_missing(folder: Path) -> list[str]:
    parts = _PART.findall(_pipeline_config(folder))
    return _lacking(folder, "config.yaml", *(f"{part}/*" for part in parts))


def _pipeline_config(folder: Path) -> str:
    try:
        return (folder / "config.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return ""


WHISPER = Contents(
    choose=lambda names: _matching(names, *_WHISPER),
    missing=lambda folder: _lacking(folder, "config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
)
TRANSFORMERS = Contents(choose=_transformers_files, missing=_transformers_missing)
PYANNOTE_PIPELINE = Contents(
    choose=lambda names: [n for n in names if not _matching([n.rpartition("/")[2]], *_UNUSED_BY_PYANNOTE)],
    missing=_pipeline_missing,
)
PYANNOTE_MODEL = Contents(
    choose=lambda names: _matching(names, "config.yaml", "pytorch_model.bin"),
    missing=lambda folder: _lacking(folder, "pytorch_model.bin"),
)


def other_repositories(folder: Path) -> list[tuple[str, Contents]]:
    """The repositories from which a pyannote pipeline in `folder` loads models, beside its own."""
    config = _pipeline_config(folder)
    found = [(name, PYANNOTE_MODEL) for name in _OTHER_REPOSITORY.findall(config) if not Path(name).exists()]
    has_plda = re.search(r"^\s+plda:", config, re.MULTILINE)
    return found if has_plda else [*found, (_DEFAULT_PLDA, PYANNOTE_PIPELINE)]
