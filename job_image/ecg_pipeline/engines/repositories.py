"""Names of models as their settings give them, and the repositories that they stand for."""

import re
from collections.abc import Mapping
from pathlib import Path

from faster_whisper import utils

from ecg_pipeline.model_hub.contents import WHISPER, Contents
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault
from ecg_pipeline.model_hub.hub import Repository


def whisper_repository(name: str) -> str:
    """The repository of a Whisper size; other names and folders as they are. Raises ModelFault for an unknown size."""
    if "/" in name or Path(name).exists():
        return name
    sizes: dict[str, str] = utils._MODELS
    if name not in sizes:
        found = f"{name} is neither a folder nor a Whisper size ({', '.join(sizes)})"
        raise ModelFault(FaultKind.UNKNOWN, name, found)
    return sizes[name]


def repository_of(name: str, contents: Contents, revisions: Mapping[str, str]) -> Repository:
    """What a setting's name, which is no folder, stands for. Raises ModelFault for a name that is none."""
    check_is_no_path(name)
    return Repository(whisper_repository(name) if contents is WHISPER else name, contents, revisions.get(name))


def check_is_no_path(name: str) -> None:
    """Raises ModelFault for a name that can only be that of a folder."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", name):
        found = f"there is no folder {name}, looked for from {Path.cwd()}"
        raise ModelFault(FaultKind.NO_FOLDER, name, found)
