"""NLTK's sentence splitter, which whisperX's alignment wants and would otherwise download."""

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
    """Make `punkt_tab` of the language findable: from `folder`, from where NLTK looks, else empty parameters.

    Empty ones split after every full stop that a capital follows; they only lack the abbreviations.
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
