"""Asks for an API key where there are keys: 401 without one, 429 beyond a key's limit."""

import re
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ecg_api.context import SUBMITTER
from ecg_api.errors import ProblemError, busy
from ecg_api.http.key_file import ApiKey, KeyFile
from ecg_api.http.problems import problem_response
from ecg_api.ports import Submitter

_OPEN = ("/health", "/docs", "/openapi.json", "/page", "/static-offline-docs")
"""Paths, with what is below them, that say nothing about jobs."""
_PAGE_OF_A_JOB = re.compile(rb"/jobs/[^/]+/view/?")
"""The page alone, which asks for the key."""
_MINUTE = 60.0


class ApiKeys:
    """ASGI middleware; `Authorization: Bearer KEY` or `X-API-Key: KEY`."""

    def __init__(self, app: ASGIApp, keys: KeyFile, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._keys, self._limits = app, keys, Limits(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_open(scope):
            try:
                key = self._accepted(Headers(scope=scope))
            except ProblemError as refusal:
                await problem_response(refusal)(scope, receive, send)
                return
            scope[SUBMITTER] = Submitter(key.name, key.queued_jobs)
        await self._app(scope, receive, send)

    def _accepted(self, headers: Headers) -> ApiKey:
        """The key that was sent, with this request counted. Raises ProblemError 401, 429."""
        sent = _key_in(headers)
        found = self._keys.find(sent) if sent else None
        if found is None:
            detail = "this key is none" if sent else "a key is needed: Authorization: Bearer KEY, or X-API-Key: KEY"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
        wait = self._limits.seconds_to_wait(found)
        if wait:
            limit = found.requests_per_minute
            raise busy(429, f"the key {found.name} has a limit of {limit} requests a minute", wait)
        return found


class Limits:
    """A bucket for each key: full at first, it refills at the key's rate (token bucket), in this process alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        """By the key's digest: requests left, and when that was so."""

    def seconds_to_wait(self, key: ApiKey) -> int:
        """0 where the request may go on, which counts it."""
        limit, now = key.requests_per_minute, self._clock()
        if limit is None:
            return 0
        left, since = self._left.get(key.digest, (float(limit), now))
        left = min(float(limit), left + (now - since) * limit / _MINUTE)
        if left < 1:
            self._left[key.digest] = left, now
            return max(1, round((1 - left) * _MINUTE / limit))
        self._left[key.digest] = left - 1, now
        return 0


def _is_open(scope: Scope) -> bool:
    """Only for reading: `DELETE /jobs/a/view` removes the job `a/view`."""
    if scope["method"] not in ("GET", "HEAD"):
        return False
    raw: bytes = scope.get("raw_path") or b""
    path: str = scope["path"]
    below = any(path == prefix or path.startswith(f"{prefix}/") for prefix in _OPEN)
    return below or path == "/" or _PAGE_OF_A_JOB.fullmatch(raw) is not None


def _key_in(headers: Headers) -> str | None:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")
