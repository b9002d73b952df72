"""The demo models in the form that the pipeline's image needs."""

import os
import shutil
from pathlib import Path

from ecg_dev.images.recipes import ROOT
from write_config import CONFIG

_STAGED = Path(".cache/images/models")
_SEGMENTATION = "/opt/venv/lib/python3.11/site-packages/whisperx/assets/pytorch_model.bin"


def stage_demo_models() -> str:
    """Copies the demo models, with the paths that whisperX's files have in the image. Returns the copy's folder."""
    folder = ROOT / _STAGED
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        ROOT / "demo/models", folder, ignore=shutil.ignore_patterns("README.md", "nltk_data", "__pycache__")
    )
    diarization = folder / "diarization/config.yaml"
    diarization.write_text(CONFIG.format(segmentation=_SEGMENTATION))
    os.utime(diarization, (0, 0))  # another time would make another layer
    return str(_STAGED)
