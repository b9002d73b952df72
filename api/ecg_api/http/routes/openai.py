"""OpenAI's `POST /v1/audio/transcriptions`, over the same jobs: its client packages work unchanged.

`model` and `temperature` are taken and not used: the server's own models transcribe. `verbose_json` has segments and
words whatever `timestamp_granularities` says, and names each segment's speaker beside OpenAI's fields.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import Field, ValidationError

from ecg_api.context import Context, ContextOf
from ecg_api.errors import ProblemError
from ecg_api.http.openapi import form_upload, problems
from ecg_api.http.problems import problem_response
from ecg_api.http.result_text import as_text
from ecg_api.http.transcriptions import received_upload, transcription_of, worked_on
from ecg_api.jobs.transcription import failure_of
from ecg_api.ports import JobState, JobView
from ecg_contract.base_model import WireModel
from ecg_contract.host_protocol import Source
from ecg_contract.languages import Language
from ecg_contract.options import AnalysisOptions, AnyCaseLanguage
from ecg_contract.subtitles.formats import MEDIA_TYPES, TextFormat
from ecg_contract.subtitles.transcript import Transcript
from ecg_contract.wire.models import Request as WireRequest


class _Route(APIRoute):
    """Adds OpenAI's `error` to the problem details, whose message its packages show."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except ProblemError as problem:
                field = problem.errors[0].field if problem.errors else None
                error = {"message": problem.detail, "type": "invalid_request_error", "param": field, "code": None}
                return problem_response(problem, error=error)

        return handle_errors


router = APIRouter(tags=["openai"], route_class=_Route)
_PROMPT_LENGTH = 600
_TEXTS = [MEDIA_TYPES[kind] for kind in (TextFormat.TXT, TextFormat.SRT, TextFormat.VTT)]


class OpenAiOptions(WireRequest):
    """The fields beside `file`, as OpenAI names them."""

    model: str = ""
    """Any name; the server's own models are used."""
    language: AnyCaseLanguage = Language.AUTO
    """ISO 639 code of the language that is spoken; detected where absent."""
    prompt: str = ""
    """Names and terms that may be said; the first 600 characters count."""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    """What the answer is; words and speakers stand in `verbose_json`."""
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Not used."""


class _Result(Transcript):
    text: str
    duration: float


class OpenAiWord(WireModel):
    """A word with its times."""

    word: str
    """As it is written, with its punctuation."""
    start: float
    """Seconds from the beginning of the media."""
    end: float
    """Seconds from the beginning of the media."""


class OpenAiSegment(WireModel):
    """A sentence."""

    id: int
    """Its number, from 0."""
    start: float
    """Seconds from the beginning of the media."""
    end: float
    """Seconds from the beginning of the media."""
    text: str
    """The sentence."""
    speaker: str
    """An addition to OpenAI's: who says it."""


class OpenAiTranscription(WireModel):
    """The answer as `json`; `verbose_json` has more than the text."""

    text: str
    """The whole transcript."""
    task: Literal["transcribe"] | None = None
    """`verbose_json`: always the same."""
    language: str | None = None
    """`verbose_json`: ISO 639 code of the language that was transcribed."""
    duration: float | None = None
    """`verbose_json`: length of the media in seconds."""
    segments: list[OpenAiSegment] | None = None
    """`verbose_json`: the sentences in order."""
    words: list[OpenAiWord] | None = None
    """`verbose_json`: all words in order."""


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcription, as OpenAI has it",
    response_model=OpenAiTranscription,
    responses={200: {"content": {kind: {} for kind in _TEXTS}}, **problems(408, 413, 415, 422, 429, 501, 503)},
    openapi_extra=form_upload(OpenAiOptions),
)
async def transcriptions(request: Request, context: ContextOf) -> Response:
    """Analyse an uploaded file and answer with its text; 422 where the analysis fails."""
    path, asked = await received_upload(request, context, OpenAiOptions)
    options = AnalysisOptions(language=asked.language, vocabulary=asked.prompt[:_PROMPT_LENGTH])
    submission = transcription_of(Source(path=path), options)
    job = await worked_on(request, context, submission)
    answer = await _answer(context, job, asked.response_format)
    answer.headers["X-Job-Id"] = submission.job_id
    return answer


async def _answer(context: Context, job: JobView | None, wanted: str) -> Response:
    stored = await context.store.result(job.job_id) if job and job.state is JobState.COMPLETED else None
    if job is None or stored is None:
        error = failure_of(job)
        raise ProblemError(422, f"{error.code}: {error.message}")
    match wanted:
        case "srt" | "vtt":
            return await as_text(stored, TextFormat(wanted), job.job_id)
        case "text":
            return Response((await _read(stored)).text + "\n", media_type="text/plain; charset=utf-8")
        case "verbose_json":
            return JSONResponse(_verbose(await _read(stored)))
    return JSONResponse({"text": (await _read(stored)).text})


async def _read(stored: IO[bytes]) -> _Result:
    """In a thread: hours of words take a second. Raises ProblemError."""
    with stored:
        try:
            return await asyncio.to_thread(lambda: _Result.model_validate_json(stored.read()))
        except ValidationError:
            raise ProblemError(422, "the stored result is damaged") from None


def _verbose(result: _Result) -> dict[str, Any]:
    segments = [
        OpenAiSegment(
            id=number,
            start=segment.start_time,
            end=segment.end_time,
            text=segment.text,
            speaker=segment.speaker.speaker_id,
        )
        for number, segment in enumerate(result.segments)
    ]
    words = [OpenAiWord(**word.model_dump()) for segment in result.segments for word in segment.words]
    answer = OpenAiTranscription(
        text=result.text,
        task="transcribe",
        language=result.language,
        duration=result.duration,
        segments=segments,
        words=words,
    )
    return answer.model_dump()
