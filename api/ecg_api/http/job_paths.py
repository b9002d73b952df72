"""Paths as the router gets them: without a slash at the end, and job ids undecoded.

An id may contain slashes, so paths are matched before `%2F` is decoded: `/jobs/a%2Fresult` is the job `a/result`,
`/jobs/a/result` is the result of the job `a`.
"""

from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = b"/jobs/"


class RawJobPaths:
    """ASGI middleware: paths below /jobs/ stay undecoded, and `/health/` is `/health`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw: bytes = scope.get("raw_path") or b""
            path: str = raw.decode("latin-1") if raw.startswith(_PREFIX) else scope["path"]
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


def _job_id(request: Request) -> str:
    sent: str = request.path_params["job_id"]
    return unquote_to_bytes(sent.encode("latin-1", "replace")).decode("utf-8", "replace")


JobIdInPath = Annotated[str, Depends(_job_id)]
