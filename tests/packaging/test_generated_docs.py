"""The committed documents equal what the code generates; run `make generate` if one differs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ["openapi.json", "configuration.md", "result.schema.json"]


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, "scripts/generate_docs.py", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_document_is_up_to_date(regenerated: Path, name: str) -> None:
    assert (regenerated / name).read_text() == (ROOT / "docs" / name).read_text()


def test_documents_do_not_depend_on_the_environment(
    regenerated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://elsewhere.example")
    monkeypatch.setenv("ASR_MODEL", "large-v3")
    subprocess.run([sys.executable, "scripts/generate_docs.py", str(tmp_path)], cwd=ROOT, check=True)
    for name in NAMES:
        assert (tmp_path / name).read_text() == (regenerated / name).read_text()
