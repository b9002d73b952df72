"""Which network addresses are public, and the list of those that are allowed although they are not. Pure."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/96")))  # RFC 6052, RFC 8215
# Translators of one's own, which may read the IPv4 address from other bits than the last 32; documentation (RFC 9637).
_NOT_GLOBAL = tuple(map(IPv6Network, ("64:ff9b:1::/48", "3fff::/20")))
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?", re.IGNORECASE)
_SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598


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
            frozenset((_in_ascii(host), port) for host, port in parsed if isinstance(host, str)),
            tuple((net, port) for net, port in parsed if not isinstance(net, str)),
        )

    def has_host(self, host: str, port: int) -> bool:
        name = _in_ascii(host)
        return bool({(name, None), (name, port)} & self.hosts)

    def has_address(self, address: Address, port: int) -> bool:
        forms = {address, _embedded(address) or address}
        return any(
            form.version == network.version and form in network
            for network, allowed_port in self.networks
            for form in forms
            if allowed_port in (None, port)
        )


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
        "a reserved address": address.is_reserved or not address.is_global or _is_listed(address),
    }
    return next((kind for kind, holds in kinds.items() if holds), None)


def _is_listed(address: Address) -> bool:
    return address.version == 6 and any(address in network for network in _NOT_GLOBAL)


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


def _entry(text: str) -> tuple[Network | str, int | None]:
    """A network or a host, and its port, or None for all ports."""
    try:
        return ip_network(text.strip("[]"), strict=False), None
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    if not colon:
        return _host_name(text), None
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is no host, host:port or network")
    try:
        return ip_network(host.strip("[]"), strict=False), int(port)
    except ValueError:
        return _host_name(host), int(port)


def _host_name(text: str) -> str:
    """Raises ValueError for what no host is named, such as a network whose length is wrong."""
    if not _HOST_NAME.fullmatch(_in_ascii(text)):
        raise ValueError(f"{text!r} is no host, host:port or network")
    return text.rstrip(".")


def _in_ascii(host: str) -> str:
    """The name as DNS and TLS use it (IDNA); `host` itself where it has no such form."""
    try:
        return host if host.isascii() else httpx.URL(scheme="http", host=host).raw_host.decode()
    except httpx.InvalidURL:
        return host
