"""What the endpoints have in common that take files: their forms, and the job behind each request."""

import uuid
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from ecg_api.context import Context
from ecg_api.errors import ProblemError, StoreUnavailableError, busy, wrong_field, wrong_fields
from ecg_api.http.bodies import media_type
from ecg_api.http.multipart import Form, OpenSlot, receive_form
from ecg_api.jobs.submit import submit
from ecg_api.jobs.transcription import final_job
from ecg_api.ports import JobKind, JobView, Submission, UploadSlot
from ecg_contract.host_protocol import Source
from ecg_contract.options import AnalysisOptions, CarriedOptions, options_of

FieldsT = TypeVar("FieldsT", bound=BaseModel)


async def received_form(request: Request, context: Context) -> Form:
    """The caller owns the upload's file. Raises ProblemError: 408, 413, 422, 429, 501, 503."""
    settings = context.settings
    if context.uploading.locked():
        raise busy(429, "too many uploads are being received; try again later")
    async with context.uploading:
        return await receive_form(request, _slots(context), settings.max_upload_bytes, settings.max_body_bytes)


async def received_upload(request: Request, context: Context, fields: type[FieldsT]) -> tuple[Path, FieldsT]:
    """The file and the fields of a form that must have a file. Raises ProblemError."""
    if media_type(request) != "multipart/form-data":
        raise ProblemError(415, "the body must be a form, sent with Content-Type: multipart/form-data")
    form = await received_form(request, context)
    if form.upload is None:
        raise wrong_field("file", "is needed")
    try:
        return form.upload.path, fields.model_validate(form.fields)
    except ValidationError as error:
        discard(form.upload.path)
        raise wrong_fields(error.errors()) from None


def transcription_of(source: Source, options: AnalysisOptions) -> Submission:
    return job_of_its_own("transcribe", JobKind.TRANSCRIPTION, source, options)


def job_of_its_own(
    prefix: str, kind: JobKind, source: Source, options: AnalysisOptions, callback_base: str | None = None
) -> Submission:
    """With a new id: what is uploaded is not compared with what was before."""
    job_id = f"{prefix}-{uuid.uuid4()}"
    return Submission(
        job_id=job_id,
        kind=kind,
        source=source,
        options=CarriedOptions(**options_of(options)),
        callback_base=callback_base,
        body_key=job_id,
    )


async def submit_or_discard(context: Context, submission: Submission) -> None:
    """Raises ProblemError, and discards the upload then."""
    try:
        await submit(context, submission)
    except ProblemError:
        discard(submission.source.path)
        raise


async def worked_on(request: Request, context: Context, submission: Submission) -> JobView | None:
    """The job at its end; None where it was removed. Raises ProblemError, and discards the upload then."""
    await submit_or_discard(context, replace(submission, work_limit_s=context.settings.transcribe_wait_s))
    return await final_job(request, context, submission.job_id)


def discard(upload: Path | None) -> None:
    if upload is not None:
        upload.unlink(missing_ok=True)


def _slots(context: Context) -> OpenSlot:
    uploads = context.uploads
    if uploads is None:
        raise ProblemError(501, "this host takes no uploads: send video_url, or configure a bucket for uploads")

    async def open_slot(name: str) -> UploadSlot:
        try:
            return await uploads.slot(name)
        except StoreUnavailableError:
            raise busy(503, "the upload could not be stored") from None

    return open_slot
