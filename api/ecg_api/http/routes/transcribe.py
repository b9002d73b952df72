"""Synchronous transcription of a URL, or of an uploaded audio or video file."""

import asyncio
import uuid
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from ecg_api.context import Context, ContextOf
from ecg_api.errors import ProblemError, StoreUnavailableError, busy, wrong_fields
from ecg_api.http.bodies import media_type, read_json
from ecg_api.http.multipart import OpenSlot, receive_form
from ecg_api.http.openapi import EXAMPLES, json_or_upload, problems
from ecg_api.jobs.sources import checked_source, source_name
from ecg_api.jobs.submit import submit
from ecg_api.jobs.transcription import envelope, final_job
from ecg_api.ports import JobKind, Submission, UploadSlot
from ecg_contract.host_protocol import Source
from ecg_contract.options import JobOptions, options_of
from ecg_contract.wire.models import BackendTranscribeResponse, TranscribeRequest, TranscriptionOptions
from ecg_contract.wire.models import Request as WireRequest

router = APIRouter(tags=["transcription"])


class UploadOptions(TranscriptionOptions, WireRequest):
    """The fields beside an uploaded file; the defaults are those of `TranscribeRequest`."""


@router.post(
    "/transcribe",
    summary="동기 전사 처리",
    response_model=BackendTranscribeResponse,
    responses=problems(408, 413, 415, 422, 429, 501, 503),
    openapi_extra=json_or_upload(TranscribeRequest, EXAMPLES["transcription"], UploadOptions),
)
async def transcribe(request: Request, context: ContextOf) -> JSONResponse:
    """Analyse and answer with the result; a failed analysis is a 200 with `success` false and its error code."""
    submission, filename = await _read_submission(request, context)
    try:
        await submit(context, replace(submission, work_limit_s=context.settings.transcribe_wait_s))
    except ProblemError:
        _discard(submission.source.path)
        raise
    job = await final_job(request, context, submission.job_id)
    answer = await envelope(context, job, filename)
    # Hours of words take a second to become text: in a thread, so that others are served meanwhile.
    return await asyncio.to_thread(JSONResponse, answer, headers={"X-Job-Id": submission.job_id})


async def _read_submission(request: Request, context: Context) -> tuple[Submission, str]:
    """The requested job, and the display name of its media."""
    settings = context.settings
    if media_type(request) != "multipart/form-data":
        return _from_url(await read_json(request, TranscribeRequest, settings.max_body_bytes))
    if context.uploading.locked():
        raise busy(429, "too many uploads are being received; try again later")
    async with context.uploading:
        form = await receive_form(request, _slots(context), settings.max_upload_bytes, settings.max_body_bytes)
    try:
        if form.upload is None:
            return _from_url(TranscribeRequest.model_validate(form.fields))
        options = UploadOptions.model_validate(form.fields)
    except ValidationError as error:
        _discard(form.upload.path if form.upload else None)
        raise wrong_fields(error.errors()) from None
    return _submission(Source(path=form.upload.path), options), form.upload.name


def _from_url(asked: TranscribeRequest) -> tuple[Submission, str]:
    field = next(name for name in ("audio_path", "video_url", "video_path") if getattr(asked, name))
    return _submission(checked_source(field, asked.source_url), asked), source_name(asked.source_url)


def _submission(source: Source, options: TranscriptionOptions) -> Submission:
    job_id = f"transcribe-{uuid.uuid4()}"
    return Submission(
        job_id=job_id,
        kind=JobKind.TRANSCRIPTION,
        source=source,
        options=JobOptions(**options_of(options)),
        callback_base=None,
        body_key=job_id,  # every request is a job of its own
    )


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


def _discard(upload: Path | None) -> None:
    if upload is not None:
        upload.unlink(missing_ok=True)
