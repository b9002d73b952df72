"""What the endpoints have in common that answer with a transcription: their forms, and the job behind each request."""

import uuid
from dataclasses import replace
from pathlib import Path

from fastapi import Request

from ecg_api.context import Context
from ecg_api.errors import ProblemError, StoreUnavailableError, busy
from ecg_api.http.multipart import Form, OpenSlot, receive_form
from ecg_api.jobs.submit import submit
from ecg_api.jobs.transcription import final_job
from ecg_api.ports import JobKind, JobView, Submission, UploadSlot
from ecg_contract.host_protocol import Source
from ecg_contract.options import AnalysisOptions, JobOptions, options_of


async def received_form(request: Request, context: Context) -> Form:
    """The caller owns the upload's file. Raises ProblemError: 408, 413, 422, 429, 501, 503."""
    settings = context.settings
    if context.uploading.locked():
        raise busy(429, "too many uploads are being received; try again later")
    async with context.uploading:
        return await receive_form(request, _slots(context), settings.max_upload_bytes, settings.max_body_bytes)


def transcription_of(source: Source, options: AnalysisOptions) -> Submission:
    """Every request is a job of its own."""
    job_id = f"transcribe-{uuid.uuid4()}"
    return Submission(
        job_id=job_id,
        kind=JobKind.TRANSCRIPTION,
        source=source,
        options=JobOptions(**options_of(options)),
        callback_base=None,
        body_key=job_id,
    )


async def worked_on(request: Request, context: Context, submission: Submission) -> JobView | None:
    """The job at its end; None where it was removed. Raises ProblemError, and discards the upload then."""
    try:
        await submit(context, replace(submission, work_limit_s=context.settings.transcribe_wait_s))
    except ProblemError:
        discard(submission.source.path)
        raise
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
