"""Types of settings."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from ecg_common.addresses import AllowList

GIB = 1024**3


def _comma_separated(value: Any) -> Any:
    return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]


def _checked_allow_list(entries: tuple[str, ...]) -> tuple[str, ...]:
    AllowList.parse(entries)
    return entries


AllowedAddresses = Annotated[CommaSeparated, AfterValidator(_checked_allow_list)]
"""Hosts, host:port pairs and networks, as `AllowList` reads them."""
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
