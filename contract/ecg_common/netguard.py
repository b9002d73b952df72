"""Keeps connections away from loopback, link-local and private addresses that nobody allowed.

What a name resolves to is checked, and the connection goes to the address that was checked, so that a name cannot
change its meaning in between; TLS and the Host header keep the name.
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
"""From a host's name and a port to its addresses; raises OSError."""

_ADDRESSES = 4
"""Addresses of one name that are tried before the connection counts as failed."""


class AddressRefusedError(ValueError):
    """No connection is made; the message names the setting that would allow it, where there is one."""


class NameUnknownError(httpx.ConnectError):
    """The host's name leads to no address, for now."""


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """Says which addresses a host's connections may go to."""

    allow: AllowList
    setting: str
    """Name of the setting that `allow` came from, for the refusal's message."""
    resolve: Resolve | None = None
    """getaddrinfo where None."""
    strict_setting: str | None = None
    """Name of the setting that refuses whatever is not in `allow`, public or not; None where it is not set."""

    def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect for `host`. Raises AddressRefusedError where any address is not allowed, OSError."""
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
        return AddressRefusedError(f"{host} is not in {self.setting}, and {self.strict_setting} is set")

    def _check(self, host: str, text: str, port: int) -> None:
        address = ip_address(text.partition("%")[0])
        if self.allow.has_address(address, port):
            return
        reason = why_not_public(address)
        if reason:
            verb = "is" if literal_address(host) else "leads to"
            raise AddressRefusedError(f"{host} {verb} {reason}; name it in {self.setting} to allow it")
        if self.strict_setting:
            raise self.not_listed(host)


class NameLookups:
    """Checked addresses, looked up in threads of its own: a name server that hangs holds up one name alone."""

    def __init__(self, guard: AddressGuard, threads: int) -> None:
        self._guard = guard
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="name-lookup")
        self._in_flight: dict[tuple[str, int], asyncio.Future[list[str]]] = {}
        """One look-up, and so one thread, per name, however many ask for it."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """What `AddressGuard.addresses` returns and raises."""
        if literal_address(plain_host(host)) is not None:
            return self._guard.addresses(host, port)  # no name server is asked: no thread is needed
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
    """An httpx transport whose every connection was checked. It uses no proxy and no connection twice."""

    def __init__(self, guard: AddressGuard, lookup_threads: int = 4) -> None:
        """`lookup_threads` names may hang at the same time before another has to wait."""
        self._lookups = NameLookups(guard, lookup_threads)
        # A kept connection to one address could be taken for another name's, whose certificate nobody checked.
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
    """The same request, Host header and TLS name included, to this very address."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode()},
    )
