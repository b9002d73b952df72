"""The three images, and what they are made from."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from write_config import CONFIG

ROOT = Path(__file__).parents[3]
TAG = "dev"
"""As charts/ecg-audio-analyzer/values-kind.yaml has it."""
BASE_IMAGE = "docker.io/library/python:3.11-slim-bookworm"
_DEMO_MODELS = Path(".cache/images/models")
_SEGMENTATION = "/opt/venv/lib/python3.11/site-packages/whisperx/assets/pytorch_model.bin"


@dataclass(frozen=True)
class Recipe:
    """An image `name`, from a Dockerfile below the repository's root."""

    name: str
    dockerfile: str
    arguments: dict[str, str] = field(default_factory=dict)
    limit_mb: int = 200
    """How much it may add to the base."""

    @property
    def tag(self) -> str:
        return f"docker.io/library/{self.name}:{TAG}"


def recipes(models: str) -> list[Recipe]:
    """`models`: a folder below the repository's root that the pipeline's image gets as /models."""
    return [
        Recipe("ecg-api", "api/Dockerfile"),
        Recipe("ecg-operator", "operator/Dockerfile"),
        Recipe("ecg-pipeline", "job_image/Dockerfile", {"MODELS": models}, limit_mb=8000),
    ]


def stage_demo_models() -> str:
    """A copy of the demo models that names whisperX's files by their place in the image. Returns the folder."""
    folder = ROOT / _DEMO_MODELS
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "demo/models", folder, ignore=shutil.ignore_patterns("README.md", "nltk_data"))
    diarization = folder / "diarization/config.yaml"
    diarization.write_text(CONFIG.format(segmentation=_SEGMENTATION))
    os.utime(diarization, (0, 0))  # a copy whose time differs would be another layer
    return str(_DEMO_MODELS)
