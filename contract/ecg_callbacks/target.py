"""Checks callback bases: their form, and the policy for the addresses behind them.

A base is checked twice: its form and literal addresses when a job is posted, every address that its name resolves to
when a connection is made.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from ecg_common.addresses import AllowList, literal_address, plain_host
from ecg_common.netguard import AddressGuard, AddressRefusedError, Resolve
from ecg_contract.wire.models import RESULT_PATH

_PORTS = {"http": 80, "https": 443}
_SETTING = "CALLBACK_ALLOW"


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """The settings that say where callbacks may go. Raises ValueError where they are malformed."""

    allow: tuple[str, ...] = ()
    """CALLBACK_ALLOW: hosts and networks, as `AllowList` reads them."""
    strict: bool = False
    """CALLBACK_STRICT: no public host but the allowed ones."""
    backend_url: str | None = None
    """BACKEND_URL: its host and port are always allowed."""

    def __post_init__(self) -> None:
        if self.backend_url is not None:
            _backend(self.backend_url)
        try:
            AllowList.parse(self.allow)
        except ValueError as error:
            raise ValueError(f"{_SETTING}: {error}") from None

    def guard(self, resolve: Resolve | None = None) -> AddressGuard:
        """`resolve` is getaddrinfo where None."""
        backend = [_backend(self.backend_url)] if self.backend_url else []
        allowed = AllowList.parse([*self.allow, *backend])
        return AddressGuard(allowed, _SETTING, resolve, "CALLBACK_STRICT" if self.strict else None)


def callback_url(base: str) -> str:
    """The URL that callbacks are posted to; a path prefix and a trailing slash are legal."""
    return base.rstrip("/") + RESULT_PATH


def origin_of(base: str) -> str:
    """Scheme, host and port, for grouping and for logs; never raises."""
    try:
        parts = urlsplit(base)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "malformed"
    return f"{parts.scheme}://{plain_host(parts.hostname or '')}:{port}"


def check_callback_base(base: str, policy: CallbackPolicy) -> None:
    """Raises AddressRefusedError, a ValueError, where the URL alone shows that callbacks cannot go there."""
    (host, port), guard = _host_and_port(base), policy.guard()
    if literal_address(host) or host == "localhost":
        guard.addresses(host, port)
    elif policy.strict and not guard.allow.has_host(host, port) and not guard.allow.networks:
        raise guard.not_listed(host)


def is_configured(base: str, policy: CallbackPolicy) -> bool:
    """Whether BACKEND_URL or CALLBACK_ALLOW names this destination: its host, or the network of its literal address.

    A name that resolves into an allowed network is not named by it. Raises AddressRefusedError for a malformed base.
    """
    (host, port), allowed = _host_and_port(base), policy.guard().allow
    if allowed.has_host(host, port):
        return True
    address = literal_address(host)
    return address is not None and allowed.has_address(address, port)


def _host_and_port(base: str) -> tuple[str, int]:
    """Raises AddressRefusedError for a malformed base."""
    if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in base) or "\\" in base:
        raise AddressRefusedError("must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(base)
        host, port = plain_host(parts.hostname or ""), parts.port
        host.encode("idna")
    except ValueError:
        raise AddressRefusedError("is not a URL") from None
    if parts.scheme not in _PORTS or not host or port == 0:
        raise AddressRefusedError("must be an http or https URL with a host, such as https://backend.example")
    if "@" in parts.netloc:
        raise AddressRefusedError("must not hold a user name or password; CALLBACK_SECRET signs callbacks")
    if "?" in base or "#" in base:
        raise AddressRefusedError("must not have a query string or a fragment")
    return host, port or _PORTS[parts.scheme]


def _backend(url: str) -> str:
    """BACKEND_URL's entry in the allow list. Raises ValueError."""
    try:
        host, port = _host_and_port(url)
    except AddressRefusedError as error:
        raise ValueError(f"BACKEND_URL {error}") from None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
