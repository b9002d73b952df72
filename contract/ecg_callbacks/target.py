"""Where callbacks may go: the form of a callback base, and the addresses behind it.

A base is checked twice: its form and literal addresses when a job is posted, every address that its name resolves to
when a connection is made. Refusals name the setting that would allow it.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from ecg_common.netguard import AddressGuard, AddressRefusedError, AllowList, Resolve, literal_address, plain_host
from ecg_contract.wire.models import RESULT_PATH

_PORTS = {"http": 80, "https": 443}
_SETTING = "CALLBACK_ALLOW"
_THREADS = 32
"""Names that may hang at the same time before another has to wait; threads are made when they are needed."""


class TargetRefusedError(ValueError):
    """No callback goes to this place; the message names the setting that would allow it."""


class NameUnknownError(OSError):
    """The backend's name leads to no address, for now."""


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """The settings that decide. Raises ValueError where they are malformed."""

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

    @property
    def allowed(self) -> AllowList:
        return AllowList.parse([*self.allow, *([_backend(self.backend_url)] if self.backend_url else [])])


class _Target(NamedTuple):
    host: str
    port: int


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
    """Raises TargetRefusedError (a ValueError) where callbacks cannot go there, as far as the URL itself shows it."""
    target = _checked_form(base)
    if literal_address(target.host) or target.host == "localhost":
        _guarded(target, policy, None)
    elif policy.strict and not policy.allowed.has_host(*target) and not policy.allowed.networks:
        raise TargetRefusedError(_why_strict(target))


class Targets:
    """The addresses behind callback bases, looked up in threads of its own: names that hang hold up nothing else."""

    def __init__(self, policy: CallbackPolicy, resolve: Resolve | None = None) -> None:
        """`resolve` is getaddrinfo where None."""
        self._policy, self._resolve = policy, resolve
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="callback-names")
        self._asked: dict[_Target, asyncio.Future[list[str]]] = {}
        """Look-ups under way: one thread a name, however many callbacks ask for it."""

    async def addresses(self, base: str) -> list[str]:
        """Where to connect for `base`. Raises TargetRefusedError where one of them is not allowed, NameUnknownError."""
        check_callback_base(base, self._policy)
        target = _checked_form(base)
        if literal_address(target.host) is not None:
            return _guarded(target, self._policy, self._resolve)  # nothing to ask anybody
        try:
            found = await asyncio.shield(self._look_up(target))
        except (OSError, UnicodeError) as error:
            raise NameUnknownError(str(error)) from error
        if not found:
            raise NameUnknownError("it has no address")
        return found

    def _look_up(self, target: _Target) -> asyncio.Future[list[str]]:
        asked = self._asked.get(target)
        if asked is None:
            look_up = partial(_guarded, target, self._policy, self._resolve)
            asked = asyncio.get_running_loop().run_in_executor(self._threads, look_up)
            self._asked[target] = asked
            asked.add_done_callback(partial(self._answered, target))
        return asked

    def _answered(self, target: _Target, asked: asyncio.Future[list[str]]) -> None:
        del self._asked[target]
        if not asked.cancelled():
            asked.exception()  # whoever asked may be gone: then nobody else looks at it

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _guarded(target: _Target, policy: CallbackPolicy, resolve: Resolve | None) -> list[str]:
    allowed = policy.allowed
    try:
        found = AddressGuard(allowed, _SETTING, resolve).addresses(*target)
    except AddressRefusedError as error:
        raise TargetRefusedError(str(error)) from None
    if policy.strict and not allowed.has_host(*target):
        for address in found:
            if not allowed.has_address(ip_address(address.partition("%")[0]), target.port):
                raise TargetRefusedError(_why_strict(target))
    return found


def _checked_form(base: str) -> _Target:
    if any(ord(c) <= 0x20 or ord(c) == 0x7F for c in base) or "\\" in base:
        raise TargetRefusedError("must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(base)
        host, port = plain_host(parts.hostname or ""), parts.port
        host.encode("idna")
    except ValueError:
        raise TargetRefusedError("is not a URL") from None
    if parts.scheme not in _PORTS or not host or port == 0:
        raise TargetRefusedError("must be an http or https URL with a host, such as https://backend.example")
    if "@" in parts.netloc:
        raise TargetRefusedError("must not hold a user name or password; CALLBACK_SECRET signs callbacks")
    if "?" in base or "#" in base:
        raise TargetRefusedError("must not have a query string or a fragment")
    return _Target(host, port or _PORTS[parts.scheme])


def _backend(url: str) -> str:
    """BACKEND_URL's entry in the allow list. Raises ValueError."""
    try:
        host, port = _checked_form(url)
    except TargetRefusedError as error:
        raise ValueError(f"BACKEND_URL {error}") from None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _why_strict(target: _Target) -> str:
    return f"{target.host} is not in {_SETTING}, and CALLBACK_STRICT is set"
