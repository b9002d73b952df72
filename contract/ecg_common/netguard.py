"""Refuses connections to loopback, link-local and private addresses that no setting allows.

The addresses that a name resolves to are checked, and the connection goes to a checked address, so that a second
look-up cannot lead elsewhere (DNS rebinding); TLS and the Host header keep the name.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

import httpx

from ecg_common.addresses import AllowList, literal_address, plain_host, why_not_public

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host's name and a port; raises OSError."""

_ADDRESSES = 4
"""Addresses of one name that are tried before the connection counts as failed."""


class AddressRefusedError(ValueError):
    """No connection is made; the message names the setting that would allow it, where there is one."""


class NameUnknownError(httpx.ConnectError):
    """The host's name leads to no address, for now."""


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Decides which addresses a connection to a host may go to."""

    allow: AllowList
    setting: str
    """Name of the setting that `allow` came from, for the refusal's message."""
    resolve: Resolve | None = None
    """getaddrinfo where None."""
    strict_setting: str | None = None
    """Name of the setting that refuses whatever is not in `allow`, public or not; None where it is not set."""

    def addresses(self, host: str, port: int) -> list[str]:
        """Addresses of `host` to connect to. Raises AddressRefusedError where any is not allowed, and OSError."""
        name = plain_host(host)
        if not name:
            raise AddressRefusedError(f"{host} is no host")
        literal = literal_address(name)
        found = [str(literal)] if literal else list((self.resolve or _getaddrinfo)(name, port))
        if not self.allow.has_host(name, port):
            for address in found:
                self._check(name, address, port)
        return found[:_ADDRESSES]

    def not_listed(self, host: str) -> AddressRefusedError:
        return AddressRefusedError(
            f"{host} is none of the hosts in this server's {self.setting}, and {self.strict_setting} is set"
        )

    def _check(self, host: str, text: str, port: int) -> None:
        address = ip_address(text.partition("%")[0])
        if self.allow.has_address(address, port):
            return
        reason = why_not_public(address)
        if reason:
            verb = "is" if literal_address(host) else "leads to"
            raise AddressRefusedError(
                f"{host} {verb} {reason}, which this server does not open unless its {self.setting} names it"
            )
        if self.strict_setting:
            raise self.not_listed(host)


class NameLookups:
    """Looks names up in threads of its own and checks their addresses; a look-up that hangs delays only its name."""

    def __init__(self, guard: AddressGuard, threads: int) -> None:
        self._guard = guard
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="name-lookup")
        self._in_flight: dict[tuple[str, int], asyncio.Future[list[str]]] = {}
        """One look-up, and so one thread, per name, however many callers wait for it."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """As `AddressGuard.addresses`."""
        if literal_address(plain_host(host)) is not None:
            return self._guard.addresses(host, port)  # no look-up, so no thread
        lookup = self._in_flight.get((host, port))
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._threads, self._guard.addresses, host, port)
            self._in_flight[host, port] = lookup
            lookup.add_done_callback(partial(self._done, (host, port)))
        return await asyncio.shield(lookup)

    def _done(self, name: tuple[str, int], lookup: asyncio.Future[list[str]]) -> None:
        del self._in_flight[name]
        if not lookup.cancelled():
            lookup.exception()  # marks it as retrieved: every caller may have been cancelled meanwhile

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport that checks every connection. It uses no proxy and reuses no connection."""

    def __init__(self, guard: AddressGuard, lookup_threads: int = 4) -> None:
        """`lookup_threads` is how many look-ups run at the same time."""
        self._lookups = NameLookups(guard, lookup_threads)
        # A pooled connection to an address could be reused for another name without checking its certificate.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=httpx.create_ssl_context(), limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises AddressRefusedError, NameUnknownError, httpx.TransportError."""
        *others, last = await self._addresses(request)
        for address in others:
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._inner.handle_async_request(_sent_to(address, request))
        return await self._inner.handle_async_request(_sent_to(last, request))

    async def aclose(self) -> None:
        self._lookups.close()
        await self._inner.aclose()

    async def _addresses(self, request: httpx.Request) -> list[str]:
        host = request.url.raw_host.decode()
        port = request.url.port or {"http": 80, "https": 443}[request.url.scheme]
        try:
            found = await self._lookups.addresses(host, port)
        except (OSError, UnicodeError) as error:
            raise NameUnknownError(f"{host} is not known: {error}", request=request) from None
        if not found:
            raise NameUnknownError(f"{host} has no address", request=request)
        return found


def _getaddrinfo(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _sent_to(address: str, request: httpx.Request) -> httpx.Request:
    """The same request to `address`; Host header and TLS server name stay those of the URL."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode()},
    )
