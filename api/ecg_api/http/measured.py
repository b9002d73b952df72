"""Measures every request."""

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecg_api.metrics import Metrics

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_OTHER = "other"
_NO_ROUTE = "none"
_CONVERTER = re.compile(":path(?=})")
_ROUTE = "ecg.route"
"""Key in a request's scope: a list, which copies of the scope share, with the template of the route that it took."""
_NO_ANSWER = 499
"""The status in the metrics of a request whose client went before it was answered."""


class Measured:
    """Middleware outside of all others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.monotonic(), _NO_ANSWER
        scope[_ROUTE] = []

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            self._metrics.request_ended(method, "".join(scope[_ROUTE]) or _NO_ROUTE, status, time.monotonic() - began)


class NotesRoute:
    """Middleware inside of all others: the router writes the route into the scope that it gets, maybe a copy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            if (route := scope.get("route")) is not None and _ROUTE in scope:
                scope[_ROUTE].append(_CONVERTER.sub("", route.path))
