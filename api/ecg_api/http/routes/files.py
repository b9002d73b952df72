"""A file that is analysed without anybody waiting for the answer: the job is followed by its id."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from ecg_api.context import ContextOf
from ecg_api.errors import ProblemError
from ecg_api.http.openapi import form_upload, problems
from ecg_api.http.transcriptions import discard, job_of_its_own, received_upload, submit_or_discard
from ecg_api.jobs.status import status_of
from ecg_api.jobs.submit import callback_base
from ecg_api.ports import JobKind
from ecg_contract.host_protocol import Source
from ecg_contract.options import AnalysisOptions
from ecg_contract.wire.models import BASE_URL_LENGTH
from ecg_contract.wire.models import Request as WireRequest
from ecg_contract.wire.status import JobStatusResponse

router = APIRouter(tags=["jobs"])


class UploadedFile(AnalysisOptions, WireRequest):
    """The fields beside `file`."""

    fastapi_base_url: Annotated[str, Field(max_length=BASE_URL_LENGTH)] | None = None
    """Where callbacks go; none are sent where it is absent."""


@router.post(
    "/jobs",
    summary="Analyse an upload",
    status_code=202,
    responses=problems(408, 413, 415, 422, 429, 501, 503),
    openapi_extra=form_upload(UploadedFile),
)
async def upload(request: Request, context: ContextOf) -> JobStatusResponse:
    """Store the file and its job durably; `job_id` of the answer names the job."""
    path, asked = await received_upload(request, context, UploadedFile)
    try:
        base = callback_base(asked.fastapi_base_url, context.settings) if asked.fastapi_base_url else None
    except ProblemError:
        discard(path)
        raise
    job = job_of_its_own("upload", JobKind.VIDEO, Source(path=path), asked, base)
    await submit_or_discard(context, job)
    stored = await context.store.get(job.job_id)
    if stored is None:
        raise ProblemError(404, "the job was removed at once")
    return status_of(stored, context.clock())
