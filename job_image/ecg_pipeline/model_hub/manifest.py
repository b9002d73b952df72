"""The record of what was brought into a cache: `ecg-models.json` beside the models.

Jobs that may not ask the hub read it to know whether a model that they lack is still on its way.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from ecg_pipeline.settings import PipelineSettings

FILE = "ecg-models.json"
_NAMING = ("asr_model", "align_models", "diarization_model", "emotion_models", "model_revisions")


class StoredFile(BaseModel):
    """A file of a model; `digest` is the hub's, SHA-256 or git's SHA-1."""

    name: str
    bytes: int
    digest: str


class StoredModel(BaseModel):
    """A repository at a commit, with its files."""

    repository: str
    commit: str
    files: list[StoredFile]


class Manifest(BaseModel):
    """What was brought in by the settings whose digest is `settings_digest`."""

    state: Literal["pulling", "complete", "failed"]
    settings_digest: str
    models: list[StoredModel] = []
    failures: list[str] = []
    """What could not be had, a sentence each."""


def settings_digest(settings: PipelineSettings) -> str:
    """Of the settings that name models."""
    named = settings.model_dump(mode="json", include=set(_NAMING))
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def read_manifest(root: Path) -> Manifest | None:
    """None where there is none that can be read."""
    try:
        return Manifest.model_validate_json((root / FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Raises OSError."""
    root.mkdir(parents=True, exist_ok=True)
    temporary = root / f".{FILE}.{os.getpid()}"
    temporary.write_text(manifest.model_dump_json(indent=2) + "\n")
    temporary.replace(root / FILE)
