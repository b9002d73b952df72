"""One try of one callback: a signed POST to a checked address, within a time limit.

It follows no redirect, uses no proxy or netrc of the environment, and reuses no connection: a kept connection that the
backend is closing would look like a failed try.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

import httpx

from ecg_callbacks.body import CallbackBody
from ecg_callbacks.ports import ResultSource
from ecg_callbacks.signature import Signer, signing_keys
from ecg_callbacks.target import CallbackPolicy, callback_url, check_callback_base, is_configured
from ecg_callbacks.types import Due, Failure, JobFacts
from ecg_common.clock import Clock, utc_now
from ecg_common.netguard import AddressRefusedError, GuardedTransport, NameUnknownError, Resolve
from ecg_common.verified import ResultDamagedError
from ecg_contract.retry_after import parse_retry_after

CONNECT_S = 5.0
TOTAL_S = 30.0
_ANSWER_BYTES = 64 * 1024
_ANSWER_S = 1.0
"""Longest wait for an answer's body, of which nothing is used."""
_LOOKUP_THREADS = 256
"""Names that may be looked up at a time: one that never resolves keeps its thread until the resolver gives up."""
_HEADERS = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "ecg-audio-analyzer",
    "connection": "close",
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The backend answered 2xx."""

    http_status: int


Outcome = Delivered | Failure


class CallbackSender:
    """Sends callbacks; one per process."""

    def __init__(  # noqa: PLR0913 -- all of it is configured by the host
        self,
        results: ResultSource,
        policy: CallbackPolicy,
        secret: str | None = None,
        *,
        resolve: Resolve | None = None,
        clock: Clock = utc_now,
        total_s: float = TOTAL_S,
    ) -> None:
        """Raises ValueError where `secret` is malformed."""
        self._results, self._clock, self._total_s = results, clock, total_s
        self._keys = signing_keys(secret)
        self._policy = policy
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(policy.guard(resolve), _LOOKUP_THREADS),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(total_s, connect=CONNECT_S),
        )

    async def send(self, due: Due, facts: JobFacts) -> Outcome:
        """Make one try; every error becomes a `Failure` whose text holds no credential."""
        try:
            async with asyncio.timeout(self._total_s):
                return await self._post(due, facts)
        except TimeoutError:
            return Failure(f"no answer within {self._total_s:g} s")
        except (AddressRefusedError, ResultDamagedError) as error:
            return Failure(f"not sent: {error}")
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            return Failure(_reason(error))
        except Exception as error:  # a programming error is tried again by the schedule, too
            logging.getLogger(__name__).exception("callback_sender_failed", extra={"job_id": facts.job_id})
            return Failure(f"not sent ({type(error).__name__})")

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _post(self, due: Due, facts: JobFacts) -> Outcome:
        base = facts.callback_base or ""
        check_callback_base(base, self._policy)
        body = CallbackBody(due, facts, self._results)
        keys = self._keys if is_configured(base, self._policy) else ()
        signer = Signer(keys, due.webhook_id, self._clock())
        await body.check(signer.update)
        trace = {"traceparent": facts.traceparent} if facts.traceparent else {}
        headers = {**_HEADERS, "content-length": str(body.length), **signer.headers, **trace}
        request = self._client.build_request("POST", callback_url(base), content=body.pieces(), headers=headers)
        response = await self._client.send(request, stream=True)
        try:
            await _drain(response)
        finally:
            await response.aclose()
        return self._outcome(response)

    def _outcome(self, response: httpx.Response) -> Outcome:
        if response.is_success:
            return Delivered(response.status_code)
        retry_after = parse_retry_after(response.headers.get("retry-after"), self._clock())
        return Failure(f"HTTP {response.status_code}", response.status_code, retry_after)


async def _drain(response: httpx.Response) -> None:
    """Read a short body to its end; the status has arrived, so no error here fails the try."""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_ANSWER_S):
            seen = 0
            async for piece in response.aiter_raw():
                seen += len(piece)
                if seen > _ANSWER_BYTES:
                    return


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (NameUnknownError, "the backend's name is not known"),
    (httpx.ConnectTimeout, "no connection within 5 s"),
    (httpx.ConnectError, "connection failed"),
    (httpx.TimeoutException, "no answer in time"),
    (httpx.RemoteProtocolError, "connection closed without an answer"),
    (httpx.ReadError, "connection lost before the answer"),
    (httpx.WriteError, "connection lost while sending"),
    (httpx.InvalidURL, "the callback URL is malformed"),
)


def _reason(error: Exception) -> str:
    """What happened, without the library's own message, which may hold a credential."""
    return next((text for kind, text in _REASONS if isinstance(error, kind)), f"not sent ({type(error).__name__})")
