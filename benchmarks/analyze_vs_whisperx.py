"""`ecg analyze` compared with the `whisperx` command by `ecg bench`: same models, same file, cold processes.

Both transcribe, align and diarize; `ecg analyze` also measures acoustic features and classifies emotion. The files are
a clip, ten minutes, two minutes with models of the default models' true shapes (random weights), and 83 s with these
and a Whisper of large-v3-turbo's shape.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dotenv import dotenv_values

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from ecg_pipeline.media.decode import decode
from support.hub_models import ALIGNERS, DIARIZATION, EMOTIONS, TRUE, WHISPER, hub_models, large_v3_turbo
from support.sounds import write_wav

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "demo/samples/meeting_en.mp4"
GOAL = 0.50

Settings = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A file of `repeats` times the sample, and the models."""

    name: str
    before: str
    """The ratio before the work on speed (decisions 0080 to 0099)."""
    repeats: int
    pairs: int
    settings: Callable[[], Settings]


def demo_settings() -> Settings:
    return {name: value for name, value in dotenv_values(ROOT / "demo/demo.env").items() if value is not None}


def true_settings() -> Settings:
    models = hub_models(TRUE)
    return {
        **demo_settings(),
        "ASR_MODEL": str(models / WHISPER),
        "ASR_CHUNK_SIZE": "30",
        "ALIGN_MODELS": json.dumps({"en": str(models / ALIGNERS["en"])}),
        "DIARIZATION_MODEL": str(models / DIARIZATION),
        "EMOTION_MODELS": json.dumps({"en": str(models / EMOTIONS["en"])}),
    }


def turbo_settings() -> Settings:
    return {**true_settings(), "ASR_MODEL": str(large_v3_turbo())}


CASES = (
    Case("20 s, demo models", "0.75", 1, 5, demo_settings),
    Case("10 min, demo models", "1.03 to 1.40", 29, 5, demo_settings),
    Case("2 min, true shapes", "not measured", 6, 5, true_settings),
    Case("83 s, true shapes, large-v3-turbo", "not measured", 4, 1, turbo_settings),
)


def main() -> None:
    for case in CASES:
        print(f"-- {case.name} (ratio before: {case.before}; goal: at most {GOAL:.2f})", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            wav = sample_as_wav(Path(folder), case.repeats)
            command = [sys.executable, "-m", "ecg_api.cli", "bench", str(wav), "--language", "en"]
            compared = [*command, "--against", "whisperx", "--runs", str(case.pairs)]
            subprocess.run(compared, env={**os.environ, **case.settings()}, cwd=ROOT, check=True)


def sample_as_wav(folder: Path, repeats: int) -> Path:
    """The sample's sound, repeated, as a 16 kHz mono 16-bit file, which both commands decode identically."""
    return write_wav(folder / "sample.wav", np.tile(decode(SAMPLE).samples, repeats))


if __name__ == "__main__":
    main()
