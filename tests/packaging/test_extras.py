"""API and operator depend on no model library, so their images stay small."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ecg_contract.version import VERSION

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MODEL_LIBRARIES = {"torch", "whisperx", "pyannote-audio", "transformers", "librosa", "numpy", "av"}


def locked(extra: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / f"locks/{extra}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("extra", ["api", "operator"])
def test_no_model_library_is_locked_for(extra: str) -> None:
    assert locked(extra) & {"httpx", "kopf"}
    assert not locked(extra) & MODEL_LIBRARIES


@pytest.mark.parametrize("lock", sorted((ROOT / "locks").glob("*.txt")), ids=lambda p: p.name)
def test_every_locked_package_has_a_hash_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    requirements = re.split(r"\n(?=[a-z0-9])", text.replace("\\\n", " "))
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert "://" not in text


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, cwd=ROOT)


def test_the_api_extra_installs_and_imports_without_torch(tmp_path: Path) -> None:
    python = tmp_path / "venv/bin/python"
    run(BIN / "uv", "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    run(BIN / "uv", "pip", "sync", "--quiet", "--require-hashes", "--python", python, "locks/api.txt")
    run(BIN / "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    run(BIN / "uv", "pip", "install", "--quiet", "--no-deps", "--python", python, wheel)
    subprocess.run([python, "-c", "import ecg_api.http.app, ecg_api.cli.main"], check=True, cwd=tmp_path)
    absent = subprocess.run([python, "-c", "import torch"], cwd=tmp_path, capture_output=True, check=False)
    assert absent.returncode != 0


@pytest.mark.parametrize("project", [".", "client"])
def test_every_project_file_has_the_version_that_is_printed(project: str) -> None:
    metadata = tomllib.loads((ROOT / project / "pyproject.toml").read_text())
    assert metadata["project"]["version"] == VERSION
