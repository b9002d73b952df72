"""Where callbacks may go: the form of a callback base, and the addresses behind it.

A base is checked twice: its form and literal addresses when a job is posted, every address that its name resolves to
when a connection is made. Refusals name the setting that would allow it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from ecg_contract.wire import RESULT_PATH

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host's name and a port to its addresses; raises OSError."""

_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")


class TargetRefusedError(ValueError):
    """No callback goes to this place; the message names the setting."""


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """The settings that decide."""

    allow: tuple[str, ...] = ()
    """CALLBACK_ALLOW: hosts and CIDRs."""
    strict: bool = False
    """CALLBACK_STRICT: no public host but the allowed ones."""
    backend_url: str | None = None
    """BACKEND_URL: its origin is always allowed."""

    def allows_host(self, host: str) -> bool:
        return host in {entry.lower().strip("[]").rstrip(".") for entry in self.allow}

    def allows_address(self, address: Address) -> bool:
        return any(address.version == net.version and address in net for net in map(_network, self.allow) if net)

    @property
    def has_networks(self) -> bool:
        return any(_network(entry) for entry in self.allow)


def callback_url(base: str) -> str:
    """The URL that callbacks are posted to; a path prefix and a trailing slash are legal."""
    return base.rstrip("/") + RESULT_PATH


def origin_of(base: str) -> str:
    """Scheme, host and port. Raises ValueError for what is no URL."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{_host(parts)}:{parts.port or _PORTS.get(parts.scheme, 0)}"


def check_callback_base(base: str, policy: CallbackPolicy) -> None:
    """Raises TargetRefusedError (a ValueError) where callbacks cannot go there, as far as the URL itself shows it."""
    parts = _checked_form(base)
    if _is_backend(base, policy):
        return
    host = _host(parts)
    address = literal_address(host)
    if address is not None:
        _check_address(host, address, policy)
    elif not policy.allows_host(host):
        if host == "localhost" or host.endswith(".localhost"):
            raise TargetRefusedError(f"{host} is this machine itself; {_how_to_allow(host)}")
        if policy.strict and not policy.has_networks:
            raise TargetRefusedError(f"CALLBACK_STRICT is set; {_how_to_allow(host)}")


async def allowed_addresses(base: str, policy: CallbackPolicy, resolve: Resolve) -> list[str]:
    """The addresses to connect to for `base`. Raises TargetRefusedError where one of them is not allowed, OSError."""
    check_callback_base(base, policy)
    parts = urlsplit(base)
    host = _host(parts)
    literal = literal_address(host)
    port = parts.port or _PORTS[parts.scheme]
    found = [str(literal)] if literal else list(await resolve(host, port))
    if not _is_backend(base, policy) and not policy.allows_host(host):
        for address in found:
            _check_address(host, ip_address(address), policy)
    return found


class Resolver:
    """getaddrinfo in threads of its own: names that hang do not hold up what else runs in threads."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="callback-dns")

    async def __call__(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _lookup, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def literal_address(host: str) -> Address | None:
    """The address that `host` spells, also in the short, decimal, octal and hexadecimal forms that C libraries read."""
    try:
        return _plain(ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _lookup(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _checked_form(base: str) -> SplitResult:
    if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in base) or "\\" in base:
        raise TargetRefusedError("must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(base)
        host, port = _host(parts), parts.port
        host.encode("idna")
    except ValueError:
        raise TargetRefusedError("is not a URL") from None
    if parts.scheme not in _PORTS or not host or port == 0:
        raise TargetRefusedError("must be an http or https URL with a host, such as https://backend.example")
    if "@" in parts.netloc:
        raise TargetRefusedError("must not hold a user name or password; CALLBACK_SECRET signs callbacks")
    if "?" in base or "#" in base:
        raise TargetRefusedError("must not have a query string or a fragment")
    return parts


def _check_address(host: str, address: Address, policy: CallbackPolicy) -> None:
    if policy.allows_host(host) or policy.allows_address(_plain(address)):
        return
    if not _is_public(_plain(address)):
        raise TargetRefusedError(f"{host} is a private, loopback or link-local address; {_how_to_allow(host)}")
    if policy.strict:
        raise TargetRefusedError(f"CALLBACK_STRICT is set; {_how_to_allow(host)}")


def _is_backend(base: str, policy: CallbackPolicy) -> bool:
    return policy.backend_url is not None and origin_of(policy.backend_url) == origin_of(base)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that carries it (mapped, 6to4, NAT64)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".").lower()


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    """The CIDR or single address of an entry of CALLBACK_ALLOW; None for a name."""
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _how_to_allow(host: str) -> str:
    return f"name it in CALLBACK_ALLOW to allow it (CALLBACK_ALLOW={host})"
