"""Keeps connections away from loopback, link-local and private addresses that nobody allowed.

What a name resolves to is checked, and the connection goes to the address that was checked, so that a name cannot
change its meaning in between; TLS and the Host header keep the name.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""From a host's name and a port to its addresses; raises OSError."""

_NAT64 = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))  # RFC 6052, RFC 8215
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598
_ADDRESSES = 4
"""Addresses of one name that are tried before the connection counts as failed."""


class AddressRefusedError(ValueError):
    """No connection goes to `host`; the message names the setting that would allow it."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host} {reason}")
        self.host, self.reason = host, reason


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts and networks, each for one port or for all, that are allowed although they are not public."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[tuple[Network, int | None], ...] = ()

    @classmethod
    def parse(cls, entries: str | Iterable[str]) -> Self:
        """From `127.0.0.1, localhost:9000, 10.0.0.0/8, [::1]:80, host.internal`. Raises ValueError."""
        split = entries.split(",") if isinstance(entries, str) else entries
        parsed = [_entry(entry.strip().lower()) for entry in split if entry.strip()]
        return cls(
            frozenset((host, port) for host, port in parsed if isinstance(host, str)),
            tuple((net, port) for net, port in parsed if not isinstance(net, str)),
        )

    def has_host(self, host: str, port: int) -> bool:
        return bool({(host, None), (host, port)} & self.hosts)

    def has_address(self, address: Address, port: int) -> bool:
        forms = {address, _embedded(address) or address}
        return any(
            form.version == network.version and form in network
            for network, allowed_port in self.networks
            for form in forms
            if allowed_port in (None, port)
        )


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Says which addresses a host's connections may go to."""

    allow: AllowList
    setting: str
    """Name of the setting that `allow` came from, for the refusal's message."""
    resolve: Resolve | None = None
    """getaddrinfo where None."""

    def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect for `host`. Raises AddressRefusedError where any address is not allowed, OSError."""
        name = plain_host(host)
        if not name:
            raise AddressRefusedError(host, "is no host")
        literal = literal_address(name)
        found = [str(literal)] if literal else list((self.resolve or _getaddrinfo)(name, port))
        if not self.allow.has_host(name, port):
            for address in found:
                self._check(name, ip_address(address.partition("%")[0]), port)
        return found[:_ADDRESSES]

    def _check(self, host: str, address: Address, port: int) -> None:
        reason = why_not_public(address)
        if reason and not self.allow.has_address(address, port):
            verb = "is" if literal_address(host) else "leads to"
            raise AddressRefusedError(host, f"{verb} {reason}; name it in {self.setting} to allow it")


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport whose every connection was checked. It uses no proxy and no connection twice."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="guarded-dns")
        # A kept connection to one address could be taken for another name's, whose certificate nobody checked.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=httpx.create_ssl_context(), limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises AddressRefusedError, httpx.TransportError."""
        *others, last = await self._addresses(request)
        for address in others:
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._inner.handle_async_request(_sent_to(address, request))
        return await self._inner.handle_async_request(_sent_to(last, request))

    async def aclose(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._inner.aclose()

    async def _addresses(self, request: httpx.Request) -> list[str]:
        host = request.url.raw_host.decode()
        port = request.url.port or {"http": 80, "https": 443}[request.url.scheme]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, self._guard.addresses, host, port)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{host} is not known: {error}", request=request) from None
        if not found:
            raise httpx.ConnectError(f"{host} has no address", request=request)
        return found


def plain_host(host: str) -> str:
    """In lower case, without brackets, zone or the root's dot."""
    return host.strip().strip("[]").partition("%")[0].rstrip(".").lower()


def literal_address(host: str) -> Address | None:
    """The address that `host` spells, also in the short, decimal, octal and hexadecimal forms that C libraries read."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def why_not_public(address: Address) -> str | None:
    """What kind of address it is, such as `a loopback address`; None for one of the public internet."""
    inner = _embedded(address)
    if inner is not None:
        return why_not_public(inner)
    kinds = {
        "an unspecified address": address.is_unspecified,
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "a multicast address": address.is_multicast,
        "a carrier's shared address": address.version == 4 and address in _SHARED,
        "a private address": address.is_private or getattr(address, "is_site_local", False),
        "a reserved address": address.is_reserved or not address.is_global,
    }
    return next((kind for kind, holds in kinds.items() if holds), None)


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, compatible, 6to4, NAT64, Teredo."""
    if isinstance(address, IPv4Address):
        return None
    last_32_bits = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _NAT64):
        return last_32_bits
    if address in _COMPATIBLE and int(address) > 1:  # :: and ::1 are themselves
        return last_32_bits
    teredo_client = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo_client


def _getaddrinfo(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _sent_to(address: str, request: httpx.Request) -> httpx.Request:
    """The same request, Host header and TLS name included, to this very address."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode()},
    )


def _entry(text: str) -> tuple[Network | str, int | None]:
    """A network or a host, and the one port that is meant, or None for all."""
    try:
        return ip_network(text.strip("[]"), strict=False), None
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    if not colon:
        return text.rstrip("."), None
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is no host, host:port or network")
    try:
        return ip_network(host.strip("[]"), strict=False), int(port)
    except ValueError:
        return host.rstrip("."), int(port)
