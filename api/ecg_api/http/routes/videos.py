"""The main endpoint: a video by URL is accepted at once, and its result sent by callbacks."""

from typing import Annotated

from fastapi import APIRouter

from ecg_api.context import Context, ContextOf
from ecg_api.http.bodies import json_body
from ecg_api.http.openapi import callbacks, json_request, problems
from ecg_api.jobs.sources import checked_source, video_body_key
from ecg_api.jobs.submit import callback_base, submit
from ecg_api.ports import JobKind, Submission, SubmitOutcome
from ecg_contract.options import CarriedOptions, options_of
from ecg_contract.stages import Stage
from ecg_contract.wire.models import ProcessVideoRequest, ProcessVideoResponse, status_url

router = APIRouter(tags=["videos"])


@router.post(
    "/api/upload-video/process-video",
    summary="비동기 비디오 처리",
    responses=problems(408, 409, 413, 415, 422, 429, 503),
    openapi_extra=json_request(ProcessVideoRequest),
    callbacks=callbacks.routes,
)
async def process_video(
    video: Annotated[ProcessVideoRequest, json_body(ProcessVideoRequest)], context: ContextOf
) -> ProcessVideoResponse:
    """Analyse the video at `video_url`. A 200 means that the job is stored durably; seven callbacks tell the rest."""
    outcome = await submit(context, _submission(video, context))
    answer = ProcessVideoResponse(job_id=video.job_id, status_url=status_url(video.job_id))
    if outcome is SubmitOutcome.REDELIVERED:
        done = {"status": "completed", "message": Stage.COMPLETED.message, "estimated_time": 0}
        return answer.model_copy(update=done)
    return answer


def _submission(video: ProcessVideoRequest, context: Context) -> Submission:
    return Submission(
        job_id=video.job_id,
        kind=JobKind.VIDEO,
        source=checked_source("video_url", video.video_url),
        options=CarriedOptions(**options_of(video)),
        callback_base=callback_base(video.fastapi_base_url, context.settings),
        body_key=video_body_key(video),
    )
