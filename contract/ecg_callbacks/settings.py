"""The settings of callbacks, the same for every host that delivers them."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from ecg_callbacks.signature import signing_keys
from ecg_callbacks.target import CallbackPolicy, check_callback_base
from ecg_common.setting_types import AllowedAddresses
from ecg_common.settings import EnvironmentSettings


def _checked_base(url: str) -> str:
    check_callback_base(url, CallbackPolicy(backend_url=url))
    return url


def _checked_secret(secret: SecretStr) -> SecretStr:
    try:
        signing_keys(secret.get_secret_value())
    except ValueError as error:
        raise ValueError(str(error).removeprefix("CALLBACK_SECRET: ")) from None
    return secret


class CallbackSettings(EnvironmentSettings):
    backend_url: Annotated[str, AfterValidator(_checked_base)] | None = None
    """Where callbacks go when a request names no `fastapi_base_url`; its origin is always allowed."""
    callback_allow: AllowedAddresses = ()
    """Hosts and CIDRs, comma-separated, that callbacks may go to although they are private, or although
    CALLBACK_STRICT is set."""
    callback_strict: bool = False
    """Send callbacks to BACKEND_URL and CALLBACK_ALLOW alone, to no other public host."""
    callback_secret: Annotated[SecretStr, AfterValidator(_checked_secret)] | None = None
    """Signs callbacks (Standard Webhooks, `webhook-signature`) to BACKEND_URL and to hosts and literal addresses in
    CALLBACK_ALLOW; others, which a request may name, get no signature. `ecg secret` makes one. Of two `whsec_` secrets
    with a space between them both sign, so that a backend can go from one to the other."""

    @property
    def signing_secret(self) -> str | None:
        return self.callback_secret.get_secret_value() if self.callback_secret else None

    @property
    def callback_policy(self) -> CallbackPolicy:
        return CallbackPolicy(self.callback_allow, self.callback_strict, self.backend_url)
