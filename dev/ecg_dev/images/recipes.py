"""The three images: Dockerfiles, build arguments, size limits."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
TAG = "dev"
"""The tag in charts/ecg-audio-analyzer/values-kind.yaml."""
BASE_IMAGE = "docker.io/library/python:3.11-slim-bookworm"


@dataclass(frozen=True)
class Recipe:
    """An image `name`, from a Dockerfile below the repository's root."""

    name: str
    dockerfile: str
    arguments: dict[str, str] = field(default_factory=dict)
    limit_mb: int = 200
    """Largest size on top of the base image."""

    @property
    def tag(self) -> str:
        return f"docker.io/library/{self.name}:{TAG}"


def recipes(models: str) -> list[Recipe]:
    """`models`: the folder that the pipeline's image gets as /models; .dockerignore must include it."""
    return [
        Recipe("ecg-api", "api/Dockerfile"),
        Recipe("ecg-operator", "operator/Dockerfile"),
        Recipe("ecg-pipeline", "job_image/Dockerfile", {"MODELS": models}, limit_mb=8000),
    ]
