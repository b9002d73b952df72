"""Names of models as their settings give them, and the repositories that they stand for."""

import re
from pathlib import Path

from faster_whisper import utils

from ecg_pipeline.model_hub.faults import FaultKind, ModelFault


def whisper_repository(name: str) -> str:
    """The repository of a Whisper size; other names and folders as they are. Raises ModelFault for an unknown size."""
    if "/" in name or Path(name).exists():
        return name
    sizes: dict[str, str] = utils._MODELS
    if name not in sizes:
        found = f"{name} is neither a folder nor a Whisper size ({', '.join(sizes)})"
        raise ModelFault(FaultKind.UNKNOWN, name, found)
    return sizes[name]


def check_is_no_path(name: str) -> None:
    """Raises ModelFault for a name that can only be that of a folder."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", name):
        found = f"there is no folder {name}, looked for from {Path.cwd()}"
        raise ModelFault(FaultKind.NO_FOLDER, name, found)
