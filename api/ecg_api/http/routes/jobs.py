"""A job's status and result, its removal, and the redelivery of its terminal callback."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BeforeValidator, Field

from ecg_api.context import Context, ContextOf
from ecg_api.errors import ProblemError, QueueFullError, queue_full
from ecg_api.http.job_events import events_of
from ecg_api.http.job_paths import JobIdInPath
from ecg_api.http.openapi import JOB_ID_IN_PATH, problems
from ecg_api.http.result_text import as_text
from ecg_api.jobs.status import attempt_view, status_of
from ecg_api.ports import JobQuery, JobState, JobView
from ecg_common.logs import job_logger
from ecg_contract.base_model import WireModel
from ecg_contract.subtitles.formats import MEDIA_TYPES, TextFormat
from ecg_contract.wire.models import WireResult
from ecg_contract.wire.status import (
    CallbackTryView,
    JobAttemptsResponse,
    JobCallbacksResponse,
    JobListResponse,
    JobStatusResponse,
)

router = APIRouter(tags=["jobs"])
_CHUNK_BYTES = 256 * 1024
MetadataPair = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}:", max_length=141)]
ResultFormat = Literal["json", "srt", "vtt", "txt", "tsv"]
WantedFormat = Annotated[ResultFormat, Query(alias="format", description="JSON, subtitles, text or a table.")]
LastEventId = Annotated[str | None, Header(description="The last event that was seen; it is not sent again.")]


def _unknown() -> ProblemError:
    return ProblemError(404, "there is no job with this id")


async def _job(job_id: str, context: Context) -> JobView:
    """Raises ProblemError 404 where there is none."""
    job = await context.store.get(job_id)
    if job is None:
        raise _unknown()
    return job


def _no_number(value: object) -> object:
    """Raises ValueError for seconds since 1970, which pydantic takes for a time."""
    try:
        float(str(value))
    except ValueError:
        return value
    raise ValueError("must be a time such as 2026-11-25T08:00:00Z")


Moment = Annotated[datetime, BeforeValidator(_no_number)]


class ListParameters(WireModel):
    """Of `GET /jobs`; all conditions hold."""

    state: Annotated[tuple[JobState, ...], Field(max_length=len(JobState))] = ()
    """Any of these states."""
    language: Annotated[str, Field(max_length=16)] | None = None
    """The language that was found, or else the one that the request names."""
    since: Moment | None = None
    """Submitted at this time or later."""
    before: Moment | None = None
    """Submitted before this time."""
    callback: Literal["undelivered"] | None = None
    """Only jobs whose final callback the backend never took."""
    metadata: Annotated[tuple[MetadataPair, ...], Field(max_length=6)] = ()
    """`name:value` as the request's `metadata` has it; of several all."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """Most jobs on a page."""
    cursor: Annotated[str, Field(max_length=100)] | None = None
    """`cursor` of the page before."""


@router.get("/jobs", summary="List of jobs", responses=problems(422, 503))
async def list_jobs(context: ContextOf, asked: Annotated[ListParameters, Query()]) -> JobListResponse:
    """A page of jobs, the newest first; `cursor` asks for the next page, and is null on the last one."""
    query = JobQuery(
        states=frozenset(asked.state),
        language=asked.language,
        submitted_since=_as_utc(asked.since),
        submitted_before=_as_utc(asked.before),
        undelivered=asked.callback is not None,
        metadata=tuple((name, value) for name, _, value in (pair.partition(":") for pair in asked.metadata)),
        limit=asked.limit,
        after=asked.cursor,
    )
    try:
        page = await context.store.list_jobs(query)
    except ValueError:
        raise ProblemError(422, "cursor is none that this server gave") from None
    return JobListResponse(jobs=[status_of(job, context.clock()) for job in page.jobs], cursor=page.cursor)


def _as_utc(time: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)


@router.get(
    "/jobs/{job_id:path}/result",
    summary="The stored result",
    response_model=WireResult,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}, **problems(404, 409, 413, 422, 503)},
    openapi_extra=JOB_ID_IN_PATH,
)
async def result(job_id: JobIdInPath, context: ContextOf, wanted: WantedFormat = "json") -> Response:
    """The result as it was stored, or as subtitles or text; 409 while there is none."""
    stored = await context.store.result(job_id)
    if stored is not None and wanted == "json":
        headers = {"content-length": str(os.fstat(stored.fileno()).st_size)}
        return StreamingResponse(_chunks(stored), media_type="application/json", headers=headers)
    if stored is not None:
        return await as_text(stored, TextFormat(wanted), job_id)
    job = await _job(job_id, context)
    if job.state is JobState.COMPLETED:
        raise ProblemError(404, "the job's result is gone")
    raise ProblemError(409, f"the job is {job.state} and has no result" + ("" if job.state.is_final else " yet"))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


@router.get(
    "/jobs/{job_id:path}/events",
    summary="The status as it changes",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **problems(404, 422, 503)},
    openapi_extra=JOB_ID_IN_PATH,
)
async def events(job_id: JobIdInPath, context: ContextOf, last_event_id: LastEventId = None) -> StreamingResponse:
    """Server-sent events: `status` with what `GET /jobs/{job_id}` gives, at each change until the job is final."""
    await _job(job_id, context)
    sent = events_of(context.store.follow(job_id), context.clock, last_event_id, context.shutdown.begun)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(sent, media_type="text/event-stream", headers=headers)


@router.post(
    "/jobs/{job_id:path}/cancel",
    summary="Cancel and keep",
    responses=problems(404, 409, 503),
    openapi_extra=JOB_ID_IN_PATH,
)
async def cancel(job_id: JobIdInPath, context: ContextOf) -> JobStatusResponse:
    """Stop the job's work; its status stays, no callback follows. 409 for one that is completed or has failed."""
    await context.store.cancel(job_id)
    job = await _job(job_id, context)
    if job.state is not JobState.CANCELLED:
        raise ProblemError(409, f"the job is {job.state} and cannot be cancelled")
    return status_of(job, context.clock())


@router.post(
    "/jobs/{job_id:path}/retry",
    summary="Run again",
    status_code=202,
    responses=problems(404, 409, 429, 503),
    openapi_extra=JOB_ID_IN_PATH,
)
async def retry(job_id: JobIdInPath, context: ContextOf) -> JobStatusResponse:
    """Run a failed or cancelled job again, as it was posted; 409 for another one, and where its upload is gone."""
    try:
        runs_again = await context.store.retry(job_id, context.submitter)
    except QueueFullError as error:
        raise queue_full(error) from None
    found = await status(job_id, context)
    if not runs_again and found.status in ("failed", "cancelled"):
        raise ProblemError(409, "the job's media was an upload, which is gone: send it again")
    if not runs_again:
        raise ProblemError(409, f"the job is {found.status}; only a failed or cancelled one is run again")
    return found


@router.get(
    "/jobs/{job_id:path}/callbacks",
    summary="Tries of the callbacks",
    responses=problems(404, 503),
    openapi_extra=JOB_ID_IN_PATH,
)
async def callbacks(job_id: JobIdInPath, context: ContextOf) -> JobCallbacksResponse:
    """How the delivery of callbacks stands, and the last eight tries."""
    job = await _job(job_id, context)
    tries = [CallbackTryView(**dict(one)) for one in job.callback_tries]
    return JobCallbacksResponse(callback=job.callback, tries=tries)


@router.get(
    "/jobs/{job_id:path}/attempts",
    summary="Attempts",
    responses=problems(404, 503),
    openapi_extra=JOB_ID_IN_PATH,
)
async def attempts(job_id: JobIdInPath, context: ContextOf) -> JobAttemptsResponse:
    """The last five attempts at the job, the current one at the end: on what, when, and how each ended."""
    job = await _job(job_id, context)
    return JobAttemptsResponse(attempts=[attempt_view(one) for one in job.attempts])


@router.post("/jobs/{job_id:path}/redeliver", include_in_schema=False, status_code=202)  # its first name
@router.post(
    "/jobs/{job_id:path}/callback/redeliver",
    summary="Send the terminal callback again",
    status_code=202,
    responses=problems(404, 409, 503),
    openapi_extra=JOB_ID_IN_PATH,
)
async def redeliver(job_id: JobIdInPath, context: ContextOf) -> JobStatusResponse:
    """Send the terminal callback once more; 409 where there is none to send."""
    if context.redelivery is None or not await context.redelivery.redeliver(job_id):
        await status(job_id, context)
        raise ProblemError(409, "the job has no terminal callback to deliver")
    return await status(job_id, context)


@router.get("/jobs/{job_id:path}", summary="작업 상태 조회", responses=problems(404, 503), openapi_extra=JOB_ID_IN_PATH)
async def status(job_id: JobIdInPath, context: ContextOf) -> JobStatusResponse:
    """The job's status: the specification's three keys, and how far it is."""
    job = await _job(job_id, context)
    return status_of(job, context.clock())


@router.delete(
    "/jobs/{job_id:path}",
    summary="Cancel and remove",
    status_code=204,
    responses=problems(404, 503),
    openapi_extra=JOB_ID_IN_PATH,
)
async def delete(job_id: JobIdInPath, context: ContextOf) -> None:
    """Stop the job's work and remove it; nothing is sent."""
    if not await context.store.delete(job_id):
        raise _unknown()
    job_logger(__name__, job_id).info("job_deleted")
