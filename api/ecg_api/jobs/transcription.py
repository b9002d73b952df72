"""Waits for a transcription while its client is connected, and builds the response body."""

import asyncio
import json
from typing import IO, Any

from fastapi import Request
from pydantic import BaseModel, FiniteFloat, ValidationError

from ecg_api.context import Context, to_second
from ecg_api.errors import busy
from ecg_api.jobs.following import at_its_end
from ecg_api.jobs.status import processing_time_of
from ecg_api.ports import JobState, JobView
from ecg_common.tasks import end_tasks
from ecg_contract.attempt_outcome import DEADLINE_MESSAGE
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import PipelineError
from ecg_contract.wire.transcription import BackendTranscribeResponse, TranscribeMetadata

TIMED_OUT = PipelineError(code=ErrorCode.PROCESSING_ERROR, message=DEADLINE_MESSAGE)
DAMAGED = PipelineError(code=ErrorCode.PROCESSING_ERROR, message="결과가 손상되었습니다")
CANCELLED = PipelineError(code=ErrorCode.PROCESSING_ERROR, message="작업이 취소되었습니다")


class _Outline(BaseModel):
    """What of a result is read here; its words are passed on."""

    segments: list[Any]
    speakers: dict[str, Any]
    duration: FiniteFloat
    metadata: dict[str, Any]


async def final_job(request: Request, context: Context, job_id: str) -> JobView | None:
    """The job once it is final. It is cancelled after TRANSCRIBE_WAIT_S, or when the client disconnects.

    Raises ProblemError 503 when the server stops before; the job goes on.
    """
    waiting = asyncio.ensure_future(at_its_end(context.store, job_id, context.settings.transcribe_wait_s))
    disconnect = asyncio.ensure_future(_client_disconnect(request))
    over = asyncio.ensure_future(context.shutdown.over.wait())
    job: JobView | None = None
    try:
        await asyncio.wait((waiting, disconnect, over), return_when=asyncio.FIRST_COMPLETED)
        job = waiting.result() if waiting.done() else None
    finally:
        await end_tasks((waiting, disconnect, over))
        goes_on = context.shutdown.begun.is_set() and not _has_left(disconnect)
        if (job is None or not job.state.is_final) and not goes_on:
            await context.store.cancel(job_id)
    if (job is None or not job.state.is_final) and context.shutdown.over.is_set():
        raise busy(503, f"the server is stopping; the job goes on: GET /jobs/{job_id}")
    return job


def _has_left(disconnect: asyncio.Future[None]) -> bool:
    return disconnect.done() and not disconnect.cancelled()


async def _client_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def envelope(context: Context, job: JobView | None, filename: str) -> dict[str, Any]:
    """A `BackendTranscribeResponse` as JSON; `job` None was removed."""
    if job is None:
        return _failure(failure_of(job), None)
    seconds = processing_time_of(job, context.clock())
    stored = await context.store.result(job.job_id) if job.state is JobState.COMPLETED else None
    if stored is None:
        return _failure(failure_of(job), seconds)
    result = await asyncio.to_thread(_parsed, stored)
    try:
        outline = _Outline.model_validate(result)
        return _success(result, _metadata(outline, filename, job, context))
    except ValidationError:  # the pod that wrote it is not trusted
        return _failure(DAMAGED, seconds)


def _parsed(stored: IO[bytes]) -> dict[str, Any]:
    with stored:
        return dict(json.load(stored))


def failure_of(job: JobView | None) -> PipelineError:
    """Why a job that was waited for has no result; None was removed."""
    if job is None or job.state in (
        JobState.CANCELLED,
        JobState.COMPLETED,
    ):  # completed, and removed before its result was read
        return CANCELLED
    return (job.error or CANCELLED) if job.state is JobState.FAILED else TIMED_OUT


def _failure(error: PipelineError, seconds: float | None) -> dict[str, Any]:
    answer = BackendTranscribeResponse(
        success=False, processing_time=seconds or 0.0, error=error.message, error_code=error.code
    )
    return answer.model_dump(mode="json")


def _success(result: dict[str, Any], metadata: TranscribeMetadata) -> dict[str, Any]:
    empty = BackendTranscribeResponse(success=True, metadata=metadata, processing_time=metadata.processing_time)
    return {
        **empty.model_dump(mode="json"),
        "segments": result["segments"],
        "speakers": result["speakers"],
    }


def _metadata(result: _Outline, filename: str, job: JobView, context: Context) -> TranscribeMetadata:
    found = result.metadata
    return TranscribeMetadata(
        filename=filename,
        duration=result.duration,
        processed_at=to_second(job.completed_at or context.clock()),
        **{name: found[name] for name in TranscribeMetadata.model_fields.keys() & found.keys()},
    )
