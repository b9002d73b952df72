"""What `ecg bench` is asked for."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ecg_contract.languages import Language


class BenchRequest(BaseModel):
    """The arguments of `ecg bench`; `ecg_api.cli.bench` passes them as JSON."""

    files: Annotated[tuple[Path, ...], Field(min_length=1)]
    language: Language = Language.AUTO
    emotion: bool = True
    cpu: bool = False
    runs: Annotated[int, Field(ge=1)] = 1
    """How often the command is timed, and how many pairs with a rival there are."""
    against: Literal["whisperx"] | None = None
    gpu_check: bool = False
    json_file: Path | None = None
    """Where the figures are written, too."""
