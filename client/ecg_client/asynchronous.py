"""The client for asyncio; `synchronous` has the same methods, and describes them."""

import asyncio
from collections.abc import AsyncIterator
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


class AsyncEcgClient:
    """Every method raises EcgError for a refusal, and httpx's errors where the server cannot be reached."""

    def __init__(self, server: str, key: str | None = None, *, retries: int = 3, **httpx_options: Any) -> None:
        if key:
            httpx_options["headers"] = {"x-api-key": key, **httpx_options.get("headers", {})}
        self.server = server.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.server, **httpx_options)
        self._retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def submit(self, video_url: str, *, job_id: str | None = None, **options: Any) -> ProcessVideoResponse:
        return await self._send(calls.submit(video_url, job_id, options))

    async def upload(self, file: Path, **options: Any) -> JobStatusResponse:
        return await self._send(calls.upload(file, options))

    async def transcribe(self, source: str | Path, **options: Any) -> Transcribed:
        return await self._send(calls.transcribe(source, options))

    async def get(self, job_id: str) -> JobStatusResponse:
        return await self._send(calls.get(job_id))

    async def list(self, **conditions: Any) -> AsyncIterator[JobStatusResponse]:
        cursor: str | None = None
        while True:
            page = await self._send(calls.list_page(conditions, cursor))
            for job in page.jobs:
                yield job
            cursor = page.cursor
            if cursor is None:
                return

    async def result(self, job_id: str) -> WireResult:
        return await self._send(calls.result(job_id))

    async def result_as(self, job_id: str, wanted: str) -> bytes:
        return await self._send(calls.result_as(job_id, wanted))

    async def cancel(self, job_id: str) -> JobStatusResponse:
        return await self._send(calls.act(job_id, "cancel"))

    async def retry(self, job_id: str) -> JobStatusResponse:
        return await self._send(calls.act(job_id, "retry"))

    async def redeliver(self, job_id: str) -> JobStatusResponse:
        return await self._send(calls.act(job_id, "callback/redeliver"))

    async def callbacks(self, job_id: str) -> JobCallbacksResponse:
        return await self._send(calls.callbacks(job_id))

    async def attempts(self, job_id: str) -> JobAttemptsResponse:
        return await self._send(calls.attempts(job_id))

    async def delete(self, job_id: str) -> None:
        await self._send(calls.delete(job_id))

    async def watch(self, job_id: str) -> AsyncIterator[JobStatusResponse]:
        watch = Watch()
        while not watch.is_over:
            try:
                async for line in self._lines(calls.events(job_id, watch.last_id)):
                    status = watch.feed(line)
                    if status is not None:
                        yield status
                    if watch.is_over:
                        return
            except (httpx.TransportError, EcgError) as error:
                if not watch.goes_on_after(error):
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def _lines(self, call: Call[None]) -> AsyncIterator[str]:
        async with self._http.stream(**call.request) as answer:
            if not answer.is_success:
                await answer.aread()
                raise error_of(answer)
            async for line in answer.aiter_lines():
                yield line

    async def _send(self, call: Call[T]) -> T:
        for left in reversed(range(self._retries + 1)):
            if call.file is None:
                answer = await self._http.request(**call.request)
            else:
                with call.file.open("rb") as file:
                    answer = await self._http.request(**call.request, files={"file": (call.file.name, file)})
            wait = seconds_to_wait(answer)
            if wait is None or not left:
                break
            await asyncio.sleep(wait)
        return call.outcome(answer)
