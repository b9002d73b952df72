"""Refuses requests under foreign host names: a page whose name was pointed at this machine (DNS rebinding)."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ecg_api.errors import ProblemError
from ecg_api.http.problems import problem_response

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def allowed_names(configured: Collection[str], listens_on: str) -> frozenset[str] | None:
    """The names that requests may come under; None allows all."""
    if "*" in configured:
        return None
    if configured:
        return frozenset(name.lower() for name in configured)
    return frozenset(LOOPBACK) if listens_on in LOOPBACK else None


class AllowedHosts:
    """ASGI middleware: 400 in the API's own form, which starlette's TrustedHostMiddleware cannot give."""

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._names is None or _name(Headers(scope=scope)) in self._names:
            await self._app(scope, receive, send)
            return
        detail = "Host: this server does not go by that name; ALLOWED_HOSTS may name it"
        await problem_response(ProblemError(400, detail))(scope, receive, send)


def _name(headers: Headers) -> str:
    """The host of the Host header, without its port and brackets."""
    host = headers.get("host", "").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
