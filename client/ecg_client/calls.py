"""The requests of the API as values, which both clients send. Pure."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel

from ecg_client.errors import error_of
from ecg_contract.wire.models import ProcessVideoResponse, WireResult, status_url
from ecg_contract.wire.status import JobAttemptsResponse, JobCallbacksResponse, JobListResponse, JobStatusResponse
from ecg_contract.wire.transcription import BackendTranscribeResponse

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and what its answer means."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Sequence[tuple[str, str]] = ()
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    file: Path | None = None
    """Sent with `form`, piece by piece."""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = 30.0

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of httpx's `request` and `stream`."""
        return {
            "method": self.method,
            "url": self.path,
            "params": list(self.params) or None,
            "json": self.json,
            "data": self.form,
            "headers": dict(self.headers),
            "timeout": httpx.Timeout(self.timeout_s, connect=10),
        }

    def outcome(self, answer: httpx.Response) -> T:
        """What a final answer means. Raises EcgError."""
        if not answer.is_success:
            raise error_of(answer)
        return self.read(answer)


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A transcription that has ended; `answer.success` says how."""

    job_id: str
    answer: BackendTranscribeResponse


def submit(video_url: str, job_id: str | None, options: Mapping[str, Any]) -> Call[ProcessVideoResponse]:
    body = {"job_id": job_id or str(uuid.uuid4()), "video_url": video_url, **options}
    return Call("POST", "/api/upload-video/process-video", _model(ProcessVideoResponse), json=body)


def transcribe(source: str | Path, options: Mapping[str, Any]) -> Call[Transcribed]:
    return _transcribe_file(source, options) if isinstance(source, Path) else _transcribe_url(source, options)


def _transcribe_url(url: str, options: Mapping[str, Any]) -> Call[Transcribed]:
    body = {"video_url": url, **options}
    return Call("POST", "/transcribe", _transcribed, json=body, timeout_s=None)


def _transcribe_file(file: Path, options: Mapping[str, Any]) -> Call[Transcribed]:
    return Call("POST", "/transcribe", _transcribed, form=_form(options), file=file, timeout_s=None)


def upload(file: Path, options: Mapping[str, Any]) -> Call[JobStatusResponse]:
    return Call("POST", "/jobs", _model(JobStatusResponse), form=_form(options), file=file, timeout_s=None)


def get(job_id: str) -> Call[JobStatusResponse]:
    return Call("GET", status_url(job_id), _model(JobStatusResponse))


def list_page(conditions: Mapping[str, Any], cursor: str | None) -> Call[JobListResponse]:
    """Names and values as `GET /jobs` has them; sequences are repeated, and a mapping is `name:value`."""
    params = [(name, text) for name, value in conditions.items() for text in _texts(value)]
    return Call("GET", "/jobs", _model(JobListResponse), params=[*params, *([("cursor", cursor)] if cursor else [])])


def result(job_id: str) -> Call[WireResult]:
    return Call("GET", f"{status_url(job_id)}/result", _model(WireResult), timeout_s=300)


def result_as(job_id: str, wanted: str) -> Call[bytes]:
    """The result as it comes: json, srt, vtt, txt or tsv."""
    path = f"{status_url(job_id)}/result"
    return Call("GET", path, lambda answer: answer.content, params=[("format", wanted)], timeout_s=300)


def act(job_id: str, action: str) -> Call[JobStatusResponse]:
    """`cancel`, `retry` or `callback/redeliver`."""
    return Call("POST", f"{status_url(job_id)}/{action}", _model(JobStatusResponse))


def callbacks(job_id: str) -> Call[JobCallbacksResponse]:
    return Call("GET", f"{status_url(job_id)}/callbacks", _model(JobCallbacksResponse))


def attempts(job_id: str) -> Call[JobAttemptsResponse]:
    return Call("GET", f"{status_url(job_id)}/attempts", _model(JobAttemptsResponse))


def delete(job_id: str) -> Call[None]:
    return Call("DELETE", status_url(job_id), lambda _: None)


def events(job_id: str, last_id: str | None) -> Call[None]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    return Call("GET", f"{status_url(job_id)}/events", lambda _: None, headers=headers, timeout_s=60)


def _model(kind: type[ModelT]) -> Callable[[httpx.Response], ModelT]:
    return lambda answer: kind.model_validate_json(answer.content)


def _transcribed(answer: httpx.Response) -> Transcribed:
    return Transcribed(answer.headers["x-job-id"], BackendTranscribeResponse.model_validate_json(answer.content))


def _form(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in options.items() if value is not None}


def _texts(value: Any) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return [f"{name}:{part}" for name, part in value.items()]
    return [_text(part) for part in value] if isinstance(value, list | tuple | set) else [_text(value)]


def _text(value: Any) -> str:
    """As a form or a query has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
