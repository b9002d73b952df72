"""Health: the specification's endpoint, and the liveness and readiness probes."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ecg_api.context import ContextOf, to_second
from ecg_contract.base_model import WireModel
from ecg_contract.wire.models import HealthResponse

router = APIRouter(tags=["health"])


class ReadyResponse(WireModel):
    """Whether jobs are taken."""

    ready: bool
    """Whether they are."""
    missing: list[str]
    """What keeps the server from it, a sentence each."""


@router.get("/health", summary="헬스체크")
async def health(context: ContextOf) -> HealthResponse:
    """The server answers."""
    return HealthResponse(timestamp=to_second(context.clock()))


@router.get("/health/live", summary="Liveness")
async def live(context: ContextOf) -> HealthResponse:
    """The same for an orchestrator, which restarts what does not answer here."""
    return await health(context)


@router.get(
    "/health/ready",
    summary="Readiness",
    response_model=ReadyResponse,
    responses={503: {"model": ReadyResponse, "description": "Something is missing."}},
)
async def ready(context: ContextOf) -> JSONResponse:
    """The server takes jobs."""
    stopping = ["the server is stopping"] if context.shutdown.begun.is_set() else []
    missing = stopping or list(await context.store.missing())
    answer = ReadyResponse(ready=not missing, missing=missing)
    return JSONResponse(answer.model_dump(), 503 if missing else 200)
