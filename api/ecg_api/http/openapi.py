"""What the OpenAPI document has beyond the routes' signatures: request bodies, errors, callbacks."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ecg_api.http.problems import MEDIA_TYPE, ProblemDetails
from ecg_contract.wire.models import RESULT_PATH, CallbackPayload, ProcessVideoRequest
from ecg_contract.wire.transcription import TranscribeRequest

_REF = "#/components/schemas/{model}"
_UNDECLARED_MODELS: tuple[type[BaseModel], ...] = (ProcessVideoRequest, TranscribeRequest, ProblemDetails)

EXAMPLES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
"""Of requests and answers by operation and media type, and of callbacks; where the specification has one, its own."""
_SERVERS = [
    {"url": "/", "description": "The server that shows this document."},
    {"url": "http://127.0.0.1:8001", "description": "A standalone server on this machine."},
]
_MEANINGS = {
    404: "There is no job with this id.",
    408: "No byte of the body came for a minute.",
    409: "Another request under this job id is queued, running or completed; or there is nothing to give yet.",
    413: "The body is too long.",
    415: "The body is not of a type that is read.",
    422: "A field is wrong; `errors` names each with what is allowed.",
    429: "Too many jobs wait; Retry-After says when to come back.",
    501: "This host does not offer it.",
    503: "The jobs cannot be reached, and nothing was stored; Retry-After says when to come back.",
}

callbacks = APIRouter()


@callbacks.post(
    "{$request.body#/fastapi_base_url}" + RESULT_PATH,
    summary="분석 결과 콜백",
    response_description="Delivered.",
    responses={"default": {"description": "410 and 413 are final; everything else is tried again."}},
    openapi_extra={
        "requestBody": {
            "content": {
                "application/json": {"examples": {name: {"value": v} for name, v in EXAMPLES["callbacks"].items()}}
            }
        }
    },
)
def result(_body: CallbackPayload) -> Response:
    """Seven of these tell a job's story: progress 10, 25, 40, 60, 75, 90, and the end. Absent fields are left out.

    Headers as Standard Webhooks has them: `webhook-id` is the same for every try, `webhook-timestamp`, and
    `webhook-signature` where CALLBACK_SECRET is set. `traceparent` is the one of the request, where it had one.
    """
    raise NotImplementedError("documents what the backend offers")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers these statuses as problem+json."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDetails")}}}
    return {s: {"description": _MEANINGS.get(s, HTTPStatus(s).phrase), "content": content} for s in statuses}


def json_request(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose JSON body is a `model`."""
    return _job_request({"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}})


def json_or_upload(model: type[BaseModel], options: type[BaseModel]) -> dict[str, Any]:
    """As `json_request`, or else a form with a `file` and the fields of `options`."""
    extra = json_request(model)
    extra["requestBody"]["content"] |= form_upload(options)["requestBody"]["content"]
    return extra


def form_upload(options: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is a form with a `file` and the fields of `options`."""
    form = options.model_json_schema()
    form["properties"] = {"file": _FILE, **form["properties"]}
    language = options.model_fields["language"]
    shared = {"$ref": _REF.format(model="Language"), "default": language.default}
    form["properties"]["language"] = shared | {"description": language.description}
    form.pop("$defs", None)
    return _job_request({"multipart/form-data": {"schema": {**form, "required": ["file"]}}})


def _job_request(content: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": [_TRACEPARENT], "requestBody": {"required": True, "content": content}}


_TRACEPARENT_TEXT = "The caller's trace (W3C Trace Context), for the job's log lines and callbacks."
_TRACEPARENT = {"name": "traceparent", "in": "header", "description": _TRACEPARENT_TEXT, "schema": {"type": "string"}}
_TRACEPARENT["example"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_FILE = {"type": "string", "format": "binary", "title": "File", "description": "The sound or video file."}
_JOB_ID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 256}
_JOB_ID_TEXT = "The job's id, percent-encoded: a slash in it is `%2F`."
_JOB_ID = {"name": "job_id", "in": "path", "required": True, "description": _JOB_ID_TEXT, "schema": _JOB_ID_SCHEMA}
_JOB_ID["example"] = EXAMPLES["requests"]["process_video"]["application/json"]["job_id"]
JOB_ID_IN_PATH: dict[str, Any] = {"parameters": [_JOB_ID]}


_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "Where the server has keys (API_KEYS_FILE); 401 without one.",
}
_TAGS = {
    "videos": "Videos by URL: accepted at once, their results sent by callbacks.",
    "transcription": "A URL or an upload, answered with its result.",
    "openai": "The same, as OpenAI's client packages ask for it.",
    "jobs": "What becomes of each of them.",
    "health": "Whether the server answers, and takes jobs.",
}


def install(app: FastAPI) -> None:
    """Add the models that no signature declares to `app.openapi()`; remove FastAPI's own error, which is never sent."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = schema["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            _, undeclared = models_json_schema([(m, "validation") for m in _UNDECLARED_MODELS], ref_template=_REF)
            schemas.update(undeclared["$defs"])
            schema["components"]["schemas"] = dict(sorted(schemas.items()))
            schema["components"]["securitySchemes"] = {"key": _KEY}
            schema["servers"] = _SERVERS
            _add_examples(schema["paths"])
            schema["security"] = [{}, {"key": []}]
            schema["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _add_examples(paths: dict[str, Any]) -> None:
    for operation in (operation for operations in paths.values() for operation in operations.values()):
        name = operation["operationId"]
        contents = [(EXAMPLES["requests"].get(name, {}), operation.get("requestBody", {}).get("content", {}))]
        successes = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
        contents += [(EXAMPLES["answers"].get(name, {}), answer.get("content", {})) for answer in successes]
        for examples, content in contents:
            for media_type, example in examples.items():
                content[media_type]["example"] = example
