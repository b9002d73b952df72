"""Setting types for callbacks."""

from typing import Annotated

from pydantic import AfterValidator

from ecg_callbacks.target import CallbackPolicy, check_callback_base


def _checked_base(url: str) -> str:
    check_callback_base(url, CallbackPolicy(backend_url=url))
    return url


BackendUrl = Annotated[str, AfterValidator(_checked_base)]
"""A callback base that is allowed because it is the configured one; its form is checked all the same."""
