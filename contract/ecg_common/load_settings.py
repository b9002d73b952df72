"""Loads settings from the environment; a program that cannot start says in a line each which ones are wrong."""

import os
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

SettingsT = TypeVar("SettingsT", bound=BaseSettings)

_LEAST_LENGTH = 6
"""Shorter names are too like those that other programs use."""
_LIKENESS = 0.88
_WRONG = 2


def load_settings(kind: type[SettingsT], **overrides: Any) -> SettingsT:
    """The settings, with those `overrides` that are not None.

    Ends the program with status 2 where one is wrong, and says on stderr which, without its value, which may be secret.
    Names in the environment that are almost those of settings are warned of.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    for warning in near_misses(kind.model_fields, os.environ):
        sys.stderr.write(f"warning: {warning}\n")
    try:
        return kind(**given)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc'])).upper()}: {_message(e)}" for e in error.errors(include_input=False)]
    except SettingsError as error:
        wrong = [f"{_unreadable(error)}: is not valid JSON"]
    sys.stderr.write("\n  ".join(["wrong settings:", *wrong]) + "\n")
    raise SystemExit(_WRONG)


def near_misses(settings: Iterable[str], environment: Iterable[str]) -> Iterator[str]:
    """A sentence for each name in the environment that is probably a setting's, misspelt."""
    known = [name.upper() for name in settings if len(name) >= _LEAST_LENGTH]
    for name in environment:
        meant = get_close_matches(name.upper(), known, 1, _LIKENESS)
        if meant and name.upper() != meant[0] and name.upper() not in known:
            yield f"{name} is no setting; is {meant[0]} meant?"


def _message(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _unreadable(error: SettingsError) -> str:
    """The name of the setting, which the library gives in its message alone."""
    quoted = str(error).split('"')
    return quoted[1].upper() if len(quoted) > 1 else str(error)
