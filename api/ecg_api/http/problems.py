"""Errors as problem+json (RFC 9457). No message repeats an input value, which may be a URL with a credential."""

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecg_api.errors import FieldError, ProblemError, StoreUnavailableError, busy, wrong_fields
from ecg_api.http.methods import allowed_methods
from ecg_api.shutdown import Shutdown
from ecg_contract.base_model import WireModel

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


class ProblemDetails(WireModel):
    """What every error is answered with."""

    type: str = "about:blank"
    """The standard's, for a problem that its status names."""
    title: str
    """The HTTP status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong and what to do."""
    errors: list[FieldError] | None = None
    """Every field that is wrong, with what is allowed; on 422 only."""


def problem_response(problem: ProblemError, **more: Any) -> JSONResponse:
    """`more` are members beyond the standard's."""
    details = ProblemDetails(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        errors=list(problem.errors) or None,
    )
    body: dict[str, Any] = details.model_dump(exclude_none=True) | more
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer the errors of the `routes`, and the framework's own 404 and 405, as problem+json."""

    async def on_problem(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProblemError)
        details = {"method": request.method, "path": request.url.path, "status": error.status, "detail": error.detail}
        _log.info("request_refused", extra=details)
        return problem_response(error)

    async def on_unavailable(request: Request, error: Exception) -> JSONResponse:
        _log.error("store_unavailable", extra={"path": request.url.path, "reason": str(error)})
        return problem_response(busy(503, "the jobs cannot be reached; try again later"))

    async def on_http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        headers = error.headers
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"allow": allowed_methods(routes, request.scope)}
        return problem_response(ProblemError(error.status_code, str(error.detail), headers=headers))

    async def on_wrong_parameter(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return problem_response(wrong_fields(error.errors()))

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(RequestValidationError, on_wrong_parameter)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(StoreUnavailableError, on_unavailable)


class CatchAll:
    """ASGI middleware: answers any other exception with 500 and logs the lines of its traceback, without values.

    A request that a shutdown cuts off is answered 503.
    """

    def __init__(self, app: ASGIApp, shutdown: Shutdown) -> None:
        self._app, self._shutdown = app, shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            _log.info("client_left", extra={"path": scope["path"]})
        except asyncio.CancelledError:
            if started or not self._shutdown.begun.is_set():
                raise
            await problem_response(busy(503, "the server is stopping; try again"))(scope, receive, send)
        except Exception as error:
            _log.error("internal_error", extra={"error": type(error).__name__, "places": _traceback_lines(error)})
            if started:
                raise ConnectionError("the answer broke off") from None
            await problem_response(ProblemError(500, "an internal error; the server's log has it"))(
                scope, receive, send
            )


def _traceback_lines(error: BaseException) -> list[str]:
    lines = []
    traceback = error.__traceback__
    while traceback is not None:
        lines.append(f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return lines[-8:]
