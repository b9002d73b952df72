"""Which files a command writes its result to, and in which formats. Only the standard library is imported at once."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit


def outputs_of(source: str, output: Path | None, formats: Sequence[str], folder: Path | None) -> list[Path]:
    """The files to write; their endings are their formats. `source` is a file or a URL."""
    wanted = formats or (["json"] if folder is not None else [])
    named = [(folder or Path()) / f"{_stem(source)}.{kind}" for kind in dict.fromkeys(wanted)]
    return [*([output] if output is not None else []), *named]


def in_format(text: str, ending: str) -> str:
    """The result's JSON in the format of the file's ending; JSON for any that is no format."""
    from ecg_contract.subtitles.formats import TextFormat, write  # noqa: PLC0415 - pydantic takes long to import
    from ecg_contract.subtitles.transcript import Transcript  # noqa: PLC0415

    wanted = ending.removeprefix(".").lower()
    if wanted not in set(TextFormat):
        return text
    return write(Transcript.model_validate_json(text), TextFormat(wanted))


def _stem(source: str) -> str:
    path = unquote(urlsplit(source).path) if "://" in source else source
    return Path(path).stem or "result"
