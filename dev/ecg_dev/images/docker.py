"""Builds images with Docker and loads them into the kind cluster of kind-config.yaml, if it runs."""

import shutil
import subprocess
from collections.abc import Callable

from ecg_dev.images.recipes import ROOT, TAG, Recipe

_KIND_CLUSTER = "ecg"


def is_there() -> bool:
    """Whether a Docker engine answers."""
    return shutil.which("docker") is not None and _succeeds("docker", "info")


def build(recipe: Recipe) -> None:
    """Prints Docker's output. Raises RuntimeError when the build fails."""
    arguments = [f"--build-arg={name}={value}" for name, value in recipe.arguments.items()]
    _run("docker", "build", *arguments, f"--file={recipe.dockerfile}", f"--tag={recipe.name}:{TAG}", ".")


def size(recipe: Recipe) -> int:
    """Size of the unpacked image in bytes."""
    command = ["docker", "image", "inspect", "--format={{.Size}}", f"{recipe.name}:{TAG}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def load_into_kind(recipes: list[Recipe], say: Callable[[str], None]) -> None:
    if shutil.which("kind") is None or not _succeeds("kind", "get", "kubeconfig", f"--name={_KIND_CLUSTER}"):
        say(f"no kind cluster {_KIND_CLUSTER} runs: the images are only in Docker (docs/kind.md)")
        return
    _run("kind", "load", "docker-image", f"--name={_KIND_CLUSTER}", *(f"{r.name}:{TAG}" for r in recipes))


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise RuntimeError(f"{' '.join(command)} failed")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
