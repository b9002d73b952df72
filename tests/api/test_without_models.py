"""The API imports no model library, so that it starts in a second and fits in a small image."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "whisperx", "pyannote", "transformers", "ctranslate2", "faster_whisper", "librosa", "numpy", "av"}


@pytest.mark.parametrize("module", ["ecg_api.http.app", "ecg_api.cli.main", "ecg_api.cli.analyze", "ecg_api.cli.serve"])
def test_importing_it_loads_no_model_library(module: str) -> None:
    code = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert "ecg_api" in loaded
    assert not loaded & HEAVY
