"""Downloads over HTTP from URLs that requests name.

Every connection is checked (`ecg_common.netguard`), redirects are followed here, size and time are limited, and an
interrupted download is resumed where the server supports it. Nothing is decompressed.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from ecg_common.addresses import AllowList
from ecg_common.netguard import AddressGuard, AddressRefusedError, GuardedTransport, Resolve
from ecg_pipeline.fetch.common import Log, OnBytes, TryAgainError, given_up, pause_after, refused
from ecg_pipeline.fetch.http_answer import check_status, redirected_to
from ecg_pipeline.fetch.least_rate import LeastRate
from ecg_pipeline.fetch.partial import Partial
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
                await self._with_retries(client, _checked(url), _Saved(partial, rate, on_progress))
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
            async with self._response(client, url, saved.partial) as response:
                target = redirected_to(response)
                if target is None:
                    await self._store(response, saved)
                    return
            url = _checked(target)
        raise refused(f"more than {self._settings.fetch_max_redirects} redirects")

    @contextlib.asynccontextmanager
    async def _response(
        self, client: httpx.AsyncClient, url: httpx.URL, partial: Partial
    ) -> AsyncIterator[httpx.Response]:
        """A response whose headers have arrived. Network errors become TryAgainError."""
        request = client.build_request("GET", url, headers=partial.request_headers())
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

    async def _store(self, response: httpx.Response, saved: "_Saved") -> None:
        """Write the body to the disk."""
        partial = saved.partial
        if response.status_code == 416:
            partial.forget()
            raise TryAgainError("416 Range Not Satisfiable")
        await check_status(response)
        partial.begin(response)
        saved.rate.begin()
        reported = self._environment.clock()
        async for piece in self._pieces(response):
            partial.write(piece)
            saved.rate.arrived(len(piece), None if partial.total is None else partial.total - partial.size)
            if self._environment.clock() - reported >= _REPORT_S:
                reported = self._environment.clock()
                saved.report(partial.size, partial.total)
        if partial.total is not None and partial.size != partial.total:
            raise TryAgainError(f"the answer ended after {partial.size} of {partial.total} bytes")
        saved.report(partial.size, partial.total)

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


@dataclass(frozen=True, slots=True)
class _Saved:
    """What becomes of the bytes that arrive."""

    partial: Partial
    rate: LeastRate
    report: OnBytes


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
