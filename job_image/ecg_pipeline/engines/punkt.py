"""NLTK's sentence splitter, which whisperX's alignment needs and would otherwise download."""

import atexit
import logging
import shutil
import tempfile
from pathlib import Path

import nltk
from whisperx.utils import PUNKT_LANGUAGES

_log = logging.getLogger(__name__)
_FILES = ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt")


def provide_punkt(language: str, folder: str | None) -> None:
    """Have NLTK find the language's `punkt_tab`: in `folder`, in its own folders, or else as empty parameters.

    Empty parameters split after every full stop before a capital letter; they only lack the abbreviations.
    """
    name = PUNKT_LANGUAGES.get(language, "english")
    if folder is not None and folder not in nltk.data.path:
        nltk.data.path.insert(0, folder)
    try:
        nltk.data.find(f"tokenizers/punkt_tab/{name}/")
    except LookupError:
        _log.warning("punkt_data_missing", extra={"language": name, "advice": "set NLTK_DATA to know abbreviations"})
        nltk.data.path.append(_write_empty(name))


def _write_empty(name: str) -> str:
    root = Path(tempfile.mkdtemp(prefix="ecg-nltk-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    target = root / "tokenizers" / "punkt_tab" / name
    target.mkdir(parents=True)
    for file in _FILES:
        (target / file).touch()
    return str(root)
