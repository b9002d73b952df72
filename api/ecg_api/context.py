"""The dependencies of the routes, created once in `create_app`."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from ecg_api.metrics import Metrics
from ecg_api.ports import JobStore, Redelivery, Submitter, Uploads
from ecg_api.settings import Settings
from ecg_api.shutdown import Shutdown
from ecg_common.clock import Clock
from ecg_contract.tracing import traceparent_of

SUBMITTER = "ecg.submitter"
"""Key of the `Submitter` in a request's scope."""


def to_second(moment: datetime) -> datetime:
    """In UTC without fractions, as the specification writes times: `2024-01-15T10:30:00Z`."""
    return moment.astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    store: JobStore
    uploads: Uploads | None
    redelivery: Redelivery | None
    clock: Clock
    uploading: asyncio.Semaphore
    """One for each upload that may be received at a time."""
    shutdown: Shutdown
    metrics: Metrics
    submitter: Submitter | None = None
    """Whose key the request came with."""
    traceparent: str | None = None
    """The trace that the request belongs to."""


def _of_app(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)
    trace = traceparent_of(request.headers.get("traceparent"))
    return replace(context, submitter=request.scope.get(SUBMITTER), traceparent=trace)


ContextOf = Annotated[Context, Depends(_of_app)]
