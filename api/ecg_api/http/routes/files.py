"""A file that is analysed without anybody waiting for the answer: the job is followed by its id."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field, ValidationError

from ecg_api.context import ContextOf
from ecg_api.errors import ProblemError, wrong_field, wrong_fields
from ecg_api.http.bodies import media_type
from ecg_api.http.openapi import form_upload, problems
from ecg_api.http.transcriptions import discard, received_form
from ecg_api.jobs.status import status_of
from ecg_api.jobs.submit import callback_base, submit
from ecg_api.ports import JobKind, Submission
from ecg_contract.host_protocol import Source
from ecg_contract.options import AnalysisOptions, JobOptions, options_of
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
    if media_type(request) != "multipart/form-data":
        raise ProblemError(415, "the body must be a form, sent with Content-Type: multipart/form-data")
    form = await received_form(request, context)
    if form.upload is None:
        raise wrong_field("file", "is needed")
    try:
        asked = UploadedFile.model_validate(form.fields)
        base = callback_base(asked.fastapi_base_url, context.settings) if asked.fastapi_base_url else None
        job = _submission(Source(path=form.upload.path), asked, base)
        await submit(context, job)
    except ValidationError as error:
        discard(form.upload.path)
        raise wrong_fields(error.errors()) from None
    except ProblemError:
        discard(form.upload.path)
        raise
    stored = await context.store.get(job.job_id)
    if stored is None:
        raise ProblemError(404, "the job was removed at once")
    return status_of(stored, context.clock())


def _submission(source: Source, options: UploadedFile, base: str | None) -> Submission:
    """Every upload is a job of its own: its content is not compared."""
    job_id = f"upload-{uuid.uuid4()}"
    return Submission(
        job_id=job_id,
        kind=JobKind.VIDEO,
        source=source,
        options=JobOptions(**options_of(options)),
        callback_base=base,
        body_key=job_id,
    )
