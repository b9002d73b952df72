"""Downloads over HTTP from URLs that requests name.

Every connection is checked (`ecg_common.netguard`), redirects are followed here, size and time are limited, and an
interrupted download is resumed where the server supports it. A large file comes in parts over several connections where
the server allows that; when one of them fails, the next try goes on from the first gap over one. Nothing is
decompressed.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from ecg_common.addresses import AllowList
from ecg_common.netguard import AddressGuard, AddressRefusedError, GuardedTransport, Resolve
from ecg_contract.errors import UsageError
from ecg_pipeline.fetch.common import Log, OnBytes, TryAgainError, given_up, pause_after, refused
from ecg_pipeline.fetch.http_answer import check_status, redirected_to
from ecg_pipeline.fetch.least_rate import LeastRate
from ecg_pipeline.fetch.partial import Partial
from ecg_pipeline.fetch.parts import Parts, check_is_part, has_parts, part_headers
from ecg_pipeline.settings import FetchSettings

_REPORT_S = 0.2
_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "ecg-audio-analyzer"}


@dataclass(frozen=True, slots=True)
class Environment:
    """Name resolution, clock and sleep, which tests replace."""

    resolve: Resolve | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Downloader:
    """Downloads by HTTP."""

    def __init__(self, settings: FetchSettings, log: Log, environment: Environment | None = None) -> None:
        self._settings, self._log = settings, log
        self._environment = environment or Environment()
        self._guard = AddressGuard(AllowList.parse(settings.fetch_allow), "FETCH_ALLOW", self._environment.resolve)

    def download(self, url: str, target: Path, on_progress: OnBytes) -> int:
        """Download `url` to `target`; its size in bytes. Raises UsageError, TransientError."""
        return asyncio.run(self._download(url, target, on_progress))

    async def _download(self, url: str, target: Path, on_progress: OnBytes) -> int:
        partial = Partial(target, self._settings.fetch_max_bytes)
        rate = LeastRate(self._settings, self._environment.clock)
        timeout = httpx.Timeout(self._settings.fetch_stall_timeout_s, connect=self._settings.fetch_connect_timeout_s)
        client = httpx.AsyncClient(
            transport=GuardedTransport(self._guard), trust_env=False, timeout=timeout, headers=_HEADERS
        )
        try:
            async with client, asyncio.timeout(self._settings.fetch_total_timeout_s):
                await self._with_retries(client, _checked(url), _Saved(partial, rate, on_progress, self._environment))
        except TimeoutError:
            raise given_up(f"not complete within {self._settings.fetch_total_timeout_s:g} s", 1) from None
        except OSError as error:
            raise given_up(f"the file cannot be written: {error.strerror}", 1) from None
        finally:
            partial.close()
        return partial.size

    async def _with_retries(self, client: httpx.AsyncClient, url: httpx.URL, saved: "_Saved") -> None:
        failures = 0
        while True:
            try:
                return await self._try(client, url, saved)
            except TryAgainError as error:
                failures += 1
                pause = pause_after(error, failures, self._settings.fetch_tries, saved.partial.size, self._log)
            await self._environment.sleep(pause)

    async def _try(self, client: httpx.AsyncClient, url: httpx.URL, saved: "_Saved") -> None:
        for _ in range(self._settings.fetch_max_redirects + 1):
            async with self._response(client, url, saved.partial.request_headers()) as response:
                target = redirected_to(response)
                if target is None:
                    await self._store(client, response, saved)
                    return
            url = _checked(target)
        raise refused(f"more than {self._settings.fetch_max_redirects} redirects")

    @contextlib.asynccontextmanager
    async def _response(
        self, client: httpx.AsyncClient, url: httpx.URL, headers: dict[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """A response whose headers have arrived. Network errors become TryAgainError."""
        request = client.build_request("GET", url, headers=headers)
        try:
            async with asyncio.timeout(self._settings.fetch_connect_timeout_s + self._settings.fetch_stall_timeout_s):
                response = await client.send(request, stream=True)
        except TimeoutError:
            raise TryAgainError(f"no answer from {url.host}") from None
        except AddressRefusedError as error:
            raise refused(str(error)) from None
        except (httpx.TransportError, ssl.SSLError) as error:
            raise TryAgainError(_reason(error, url)) from None
        try:
            yield response
        except (httpx.TransportError, ssl.SSLError) as error:
            raise TryAgainError(_reason(error, url)) from None
        finally:
            await response.aclose()

    async def _store(self, client: httpx.AsyncClient, response: httpx.Response, saved: "_Saved") -> None:
        """Write the body to the disk, or all parts of the file that the response begins."""
        partial = saved.partial
        if response.status_code == 416:
            partial.forget()
            raise TryAgainError("416 Range Not Satisfiable")
        await check_status(response)
        partial.begin(response)
        saved.rate.begin()
        if saved.may_have_parts and self._settings.fetch_connections > 1 and has_parts(response, partial):
            await self._store_parts(client, response, saved)
        else:
            async for piece in self._pieces(response):
                partial.write(piece)
                saved.arrived(len(piece), partial.size)
        if partial.total is not None and partial.size != partial.total:
            raise TryAgainError(f"the answer ended after {partial.size} of {partial.total} bytes")
        saved.report(partial.size, partial.total)

    async def _store_parts(self, client: httpx.AsyncClient, first: httpx.Response, saved: "_Saved") -> None:
        """`first` brings the first part. Raises TryAgainError when a part fails, whatever its reason."""
        partial, total = saved.partial, saved.partial.total or 0
        parts, saved.may_have_parts = Parts(total), False
        begun: list[httpx.Response] = [first]

        async def take_parts() -> None:
            for part in parts.taken():
                if begun:
                    await self._store_part(begun.pop(), part, parts, saved)
                    continue
                async with self._response(
                    client, first.request.url, part_headers(part, partial.etag or "")
                ) as response:
                    check_is_part(response, part, total)
                    await self._store_part(response, part, parts, saved)

        try:
            async with asyncio.TaskGroup() as connections:
                for _ in range(self._settings.fetch_connections):
                    connections.create_task(take_parts())
        except BaseExceptionGroup as errors:
            raise _chosen_of(errors) from None
        finally:
            partial.keep(parts.beginning)

    async def _store_part(self, response: httpx.Response, part: range, parts: Parts, saved: "_Saved") -> None:
        offset = part.start
        async for piece in self._pieces(response):
            wanted = piece[: part.stop - offset]
            saved.partial.write_at(offset, wanted)
            offset += len(wanted)
            parts.arrived += len(wanted)
            saved.arrived(len(wanted), parts.arrived)
            if offset == part.stop:
                parts.completed(part)
                return
        raise TryAgainError(f"a part ended after {offset - part.start} of {len(part)} bytes")

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises TryAgainError when nothing does for a stall timeout."""
        limit = self._settings.fetch_stall_timeout_s
        pieces = response.aiter_raw()
        while True:
            try:
                async with asyncio.timeout(limit):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise TryAgainError(f"no data for {limit:g} s") from None
            yield piece


@dataclass(slots=True)
class _Saved:
    """What becomes of the bytes that arrive."""

    partial: Partial
    rate: LeastRate
    report: OnBytes
    environment: Environment
    may_have_parts: bool = True
    """False once parts were tried."""
    reported: float = 0.0

    def arrived(self, size: int, done: int) -> None:
        """`size` more bytes are written, `done` in all. Raises TryAgainError for a rate that is too low."""
        total, now = self.partial.total, self.environment.clock()
        self.rate.arrived(size, None if total is None else total - done)
        if now - self.reported >= _REPORT_S:
            self.reported = now
            self.report(done, total)


def _chosen_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error with which the download goes on: a refused part is tried again, over one connection."""
    single = list(_single(errors))
    others = [error for error in single if not isinstance(error, TryAgainError | UsageError)]
    chosen = (others or single)[0]
    return TryAgainError(chosen.message) if isinstance(chosen, UsageError) else chosen


def _single(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        yield from _single(error) if isinstance(error, BaseExceptionGroup) else (error,)


def _checked(url: str | httpx.URL) -> httpx.URL:
    """Raises UsageError for all but http and https URLs."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise refused("not a URL") from None
    if parsed.scheme not in ("http", "https"):
        raise refused(f"a {parsed.scheme or 'bare path'} URL is not read, but http, https and s3 URLs")
    if not parsed.host:
        raise refused("the URL names no host")
    return parsed


def _reason(error: httpx.TransportError | ssl.SSLError, url: httpx.URL) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"no connection to {url.host}"
        case httpx.TimeoutException():
            return f"no answer from {url.host}"
        case httpx.ConnectError():
            return f"no connection to {url.host} ({error})"
        case _:
            return f"the connection to {url.host} broke ({error})"
