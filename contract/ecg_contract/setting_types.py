"""Types that the settings of several components have in common."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from ecg_contract.callback_target import CallbackPolicy, check_callback_base


def _comma_separated(value: Any) -> Any:
    return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value


def _checked_base(url: str) -> str:
    check_callback_base(url, CallbackPolicy(backend_url=url))
    return url


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
BackendUrl = Annotated[str, AfterValidator(_checked_base)]
"""A callback base that is allowed because it is the configured one; its form is checked all the same."""
