"""A job's status and result, its removal, and the redelivery of its terminal callback."""

import os
from collections.abc import Iterator
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from ecg_api.context import ContextOf
from ecg_api.errors import ProblemError
from ecg_api.http.job_paths import JobIdInPath
from ecg_api.http.openapi import JOB_ID_IN_PATH, problems
from ecg_api.http.result_text import as_text
from ecg_api.jobs.status import status_of
from ecg_api.ports import JobState
from ecg_common.logs import job_logger
from ecg_contract.subtitles.formats import MEDIA_TYPES, TextFormat
from ecg_contract.wire.models import JobStatusResponse, WireResult

router = APIRouter(tags=["jobs"])
_CHUNK_BYTES = 256 * 1024
ResultFormat = Literal["json", "srt", "vtt", "txt", "tsv"]


def _unknown() -> ProblemError:
    return ProblemError(404, "there is no job with this id")


@router.get("/jobs", summary="Undelivered callbacks", responses=problems(422, 501, 503))
async def list_undelivered(
    context: ContextOf, callback: Annotated[Literal["undelivered"], Query()]
) -> list[JobStatusResponse]:
    """The jobs whose terminal callback the backend never took: `GET /jobs?callback=undelivered`."""
    if context.redelivery is None:
        raise ProblemError(501, "this host keeps no list of undelivered callbacks")
    return [status_of(job, context.clock()) for job in await context.redelivery.undelivered()]


@router.get(
    "/jobs/{job_id:path}/result",
    summary="The stored result",
    response_model=WireResult,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}, **problems(404, 409, 413, 422, 503)},
    openapi_extra=JOB_ID_IN_PATH,
)
async def result(
    job_id: JobIdInPath, context: ContextOf, wanted: Annotated[ResultFormat, Query(alias="format")] = "json"
) -> Response:
    """The result as it was stored, or as subtitles or text; 409 while there is none."""
    stored = await context.store.result(job_id)
    if stored is not None and wanted == "json":
        headers = {"content-length": str(os.fstat(stored.fileno()).st_size)}
        return StreamingResponse(_chunks(stored), media_type="application/json", headers=headers)
    if stored is not None:
        return await as_text(stored, TextFormat(wanted), job_id)
    job = await context.store.get(job_id)
    if job is None:
        raise _unknown()
    if job.state is JobState.COMPLETED:
        raise ProblemError(404, "the job's result is gone")
    raise ProblemError(409, f"the job is {job.state} and has no result" + ("" if job.state.is_final else " yet"))


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


@router.post(
    "/jobs/{job_id:path}/redeliver",
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
    job = await context.store.get(job_id)
    if job is None:
        raise _unknown()
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
