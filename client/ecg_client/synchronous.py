"""The client without asyncio; `asynchronous` has the same methods."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from ecg_client import calls
from ecg_client.calls import Call, Transcribed
from ecg_client.errors import EcgError, error_of, seconds_to_wait
from ecg_client.events import Watch
from ecg_contract.wire.models import ProcessVideoResponse, WireResult
from ecg_contract.wire.status import JobAttemptsResponse, JobCallbacksResponse, JobStatusResponse

T = TypeVar("T")
_PAUSE_S = 1.0
"""Before a broken stream of events is asked for again."""


class EcgClient:
    """Every method raises EcgError for a refusal, and httpx's errors where the server cannot be reached."""

    def __init__(self, server: str, key: str | None = None, *, retries: int = 3, **httpx_options: Any) -> None:
        """`retries`: how often a request is sent again that the server had no room for (429, 503)."""
        if key:
            httpx_options["headers"] = {"x-api-key": key, **httpx_options.get("headers", {})}
        self.server = server.rstrip("/")
        self._http = httpx.Client(base_url=self.server, **httpx_options)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, video_url: str, *, job_id: str | None = None, **options: Any) -> ProcessVideoResponse:
        """Analyse a video by URL; `options` are the request's other fields. Without `job_id`, a UUID."""
        return self._send(calls.submit(video_url, job_id, options))

    def upload(self, file: Path, **options: Any) -> JobStatusResponse:
        """Send a file, which is analysed without anybody waiting; follow it by `watch`."""
        return self._send(calls.upload(file, options))

    def transcribe(self, source: str | Path, **options: Any) -> Transcribed:
        """Analyse a local file (a `Path`) or URL, and wait for the result."""
        return self._send(calls.transcribe(source, options))

    def get(self, job_id: str) -> JobStatusResponse:
        return self._send(calls.get(job_id))

    def list(self, **conditions: Any) -> Iterator[JobStatusResponse]:
        """Jobs, the newest first, page by page: `state`, `language`, `since`, `before`, `metadata`, `callback`."""
        cursor: str | None = None
        while True:
            page = self._send(calls.list_page(conditions, cursor))
            yield from page.jobs
            cursor = page.cursor
            if cursor is None:
                return

    def result(self, job_id: str) -> WireResult:
        return self._send(calls.result(job_id))

    def result_as(self, job_id: str, wanted: str) -> bytes:
        """json, srt, vtt, txt or tsv."""
        return self._send(calls.result_as(job_id, wanted))

    def cancel(self, job_id: str) -> JobStatusResponse:
        return self._send(calls.act(job_id, "cancel"))

    def retry(self, job_id: str) -> JobStatusResponse:
        return self._send(calls.act(job_id, "retry"))

    def redeliver(self, job_id: str) -> JobStatusResponse:
        return self._send(calls.act(job_id, "callback/redeliver"))

    def callbacks(self, job_id: str) -> JobCallbacksResponse:
        return self._send(calls.callbacks(job_id))

    def attempts(self, job_id: str) -> JobAttemptsResponse:
        return self._send(calls.attempts(job_id))

    def delete(self, job_id: str) -> None:
        self._send(calls.delete(job_id))

    def watch(self, job_id: str) -> Iterator[JobStatusResponse]:
        """The status now and at each change, up to the final one; ends early where the job is removed.

        A stream that breaks off is asked for again.
        """
        watch = Watch()
        while not watch.is_over:
            try:
                for line in self._lines(calls.events(job_id, watch.last_id)):
                    status = watch.feed(line)
                    if status is not None:
                        yield status
                    if watch.is_over:
                        return
            except (httpx.TransportError, EcgError) as error:
                if not watch.goes_on_after(error):
                    raise
            time.sleep(_PAUSE_S)

    def _lines(self, call: Call[None]) -> Iterator[str]:
        with self._http.stream(**call.request) as answer:
            if not answer.is_success:
                answer.read()
                raise error_of(answer)
            yield from answer.iter_lines()

    def _send(self, call: Call[T]) -> T:
        for left in reversed(range(self._retries + 1)):
            if call.file is None:
                answer = self._http.request(**call.request)
            else:
                with call.file.open("rb") as file:
                    answer = self._http.request(**call.request, files={"file": (call.file.name, file)})
            wait = seconds_to_wait(answer)
            if wait is None or not left:
                break
            time.sleep(wait)
        return call.outcome(answer)
