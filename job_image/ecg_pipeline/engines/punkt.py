"""NLTK's sentence splitters, of which none is ever downloaded."""

import logging

import nltk.data
from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTokenizer

_log = logging.getLogger(__name__)
LANGUAGES = {
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "it": "italian",
    "ml": "malayalam",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "sl": "slovene",
    "sv": "swedish",
    "tr": "turkish",
}
"""NLTK's names; any other language is split as English, as whisperX does."""


def sentence_splitter(language: str, folder: str | None) -> PunktSentenceTokenizer:
    """With the language's `punkt_tab` in `folder` or in NLTK's own folders, or else one that knows no abbreviations.

    The latter splits after every full stop before a capital letter.
    """
    name = LANGUAGES.get(language, "english")
    if folder is not None and folder not in nltk.data.path:
        nltk.data.path.insert(0, folder)
    try:
        return PunktTokenizer(name)
    except LookupError:
        _log.warning("punkt_data_missing", extra={"language": name, "advice": "set NLTK_DATA to know abbreviations"})
        return PunktSentenceTokenizer()
