"""Loads settings from the environment; errors name the wrong ones without repeating their values."""

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

from ecg_api.cli.terminal import complain

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def load(settings: type[SettingsT], **overrides: Any) -> SettingsT:
    """The settings, with those `overrides` that are not None. Ends the program with status 2 on wrong values."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return settings(**given)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)]
    except SettingsError as error:
        wrong = [str(error)]
    complain("\n  ".join(["wrong settings:", *wrong]))
    raise SystemExit(2)
