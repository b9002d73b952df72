"""`python -m ecg_pipeline --self-test`, an image's default command."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from support.pipeline_process import ROOT, demo_environment


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg_pipeline", "--self-test"]
    return subprocess.run(
        command, cwd=ROOT, env=demo_environment(**environment), capture_output=True, text=True, timeout=120, check=False
    )


def test_it_names_libraries_gpu_and_models() -> None:
    done = run()
    lines = {line[6:24].strip(): line for line in done.stdout.splitlines()}
    assert done.returncode == 0, done.stdout
    assert lines["GPU"]
    assert lines["torch"].endswith(version("torch"))
    assert "CUDA 12" in lines["cuDNN"]
    assert "demo/models/whisper loads in" in lines["transcription"]
    assert "demo/models/aligner loads in" in lines["alignment ko"]


def test_a_model_of_the_hub_is_named_and_not_loaded() -> None:
    done = run(DIARIZATION_MODEL="someone/some-model")
    assert done.returncode == 0, done.stdout
    assert "someone/some-model: comes from the hub" in done.stdout


def test_a_model_that_does_not_load_fails_it(tmp_path: Path) -> None:
    done = run(ASR_MODEL=str(tmp_path))
    assert done.returncode == 1
    assert any(line.startswith("FAIL  transcription") for line in done.stdout.splitlines()), done.stdout
