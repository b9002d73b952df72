"""Synchronous transcription of a URL, or of an uploaded audio or video file."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from ecg_api.context import Context, ContextOf
from ecg_api.errors import wrong_fields
from ecg_api.http.bodies import media_type, read_json
from ecg_api.http.openapi import json_or_upload, problems
from ecg_api.http.transcriptions import discard, received_form, transcription_of, worked_on
from ecg_api.jobs.sources import checked_source, source_name
from ecg_api.jobs.transcription import envelope
from ecg_api.ports import Submission
from ecg_contract.host_protocol import Source
from ecg_contract.wire.models import Request as WireRequest
from ecg_contract.wire.transcription import BackendTranscribeResponse, TranscribeRequest, TranscriptionOptions

router = APIRouter(tags=["transcription"])


class UploadOptions(TranscriptionOptions, WireRequest):
    """The fields beside an uploaded file; the defaults are those of `TranscribeRequest`."""


@router.post(
    "/transcribe",
    summary="동기 전사 처리",
    response_model=BackendTranscribeResponse,
    responses=problems(408, 413, 415, 422, 429, 501, 503),
    openapi_extra=json_or_upload(TranscribeRequest, UploadOptions),
)
async def transcribe(request: Request, context: ContextOf) -> JSONResponse:
    """Analyse and answer with the result; a failed analysis is a 200 with `success` false and its error code."""
    submission, filename = await _read_submission(request, context)
    job = await worked_on(request, context, submission)
    answer = await envelope(context, job, filename)
    # Hours of words take a second to become text: in a thread, so that others are served meanwhile.
    return await asyncio.to_thread(JSONResponse, answer, headers={"X-Job-Id": submission.job_id})


async def _read_submission(request: Request, context: Context) -> tuple[Submission, str]:
    """The requested job, and the display name of its media."""
    if media_type(request) != "multipart/form-data":
        return _from_url(await read_json(request, TranscribeRequest, context.settings.max_body_bytes))
    form = await received_form(request, context)
    try:
        if form.upload is None:
            return _from_url(TranscribeRequest.model_validate(form.fields))
        options = UploadOptions.model_validate(form.fields)
    except ValidationError as error:
        discard(form.upload.path if form.upload else None)
        raise wrong_fields(error.errors()) from None
    return transcription_of(Source(path=form.upload.path), options), form.upload.name


def _from_url(asked: TranscribeRequest) -> tuple[Submission, str]:
    field = next(name for name in ("audio_path", "video_url", "video_path") if getattr(asked, name))
    return transcription_of(checked_source(field, asked.source_url), asked), source_name(asked.source_url)
