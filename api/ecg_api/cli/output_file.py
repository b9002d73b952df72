"""The file that a command's result is written to: checked before the work, and replaced where it fails after it."""

import os
import tempfile
from pathlib import Path

from ecg_api.cli.terminal import complain


def why_not_writable(output: Path) -> str | None:
    """What keeps the file from being written; None where nothing does. Creates its folder."""
    if output.is_dir():
        return f"is a folder; name a file in it, such as {output / 'result.json'}"
    existed = output.exists()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.open("ab").close()
        if not existed:
            output.unlink()
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return None


def saved(text: str, output: Path) -> bool:
    """Write the text to the file, or, where that fails, next to it, or into the temporary folder, and say where."""
    others = [
        output.with_name(f"{output.name}.{os.getpid()}"),
        Path(tempfile.gettempdir()) / f"ecg-{os.getpid()}{output.suffix}",
    ]
    for place in (output, *others):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        except OSError as error:
            complain(f"{place} cannot be written ({error.strerror})")
            continue
        if place != output:
            complain(f"the result is in {place} instead")
        return place == output
    return False
