"""What the status and headers of an HTTP response mean for a download."""

import asyncio
from http import HTTPStatus

import httpx

from ecg_common.clock import utc_now
from ecg_contract.retry_after import parse_retry_after
from ecg_pipeline.fetch.common import TryAgainError, refused

_OK = {200, 206}
_REDIRECTS = {301, 302, 303, 307, 308}
_RETRYABLE = {408, 425, 429}
_BODY_BYTES, _BODY_S = 4096, 5.0

_HINTS = {
    b"Request has expired": "the presigned URL has expired; a new one is needed",
    b"<Code>ExpiredToken</Code>": "the presigned URL has expired; a new one is needed",
    b"Signature not valid in the specified time frame": "the signed URL has expired; a new one is needed",
    b"<Code>SignatureDoesNotMatch</Code>": "the presigned URL's signature does not match; was the URL changed?",
}
"""Error texts of storage services (S3, GCS, Azure), and what they mean."""


def redirected_to(response: httpx.Response) -> httpx.URL | None:
    """The target of a redirect; None for any other response. Raises UsageError for a target that is no URL."""
    if response.status_code not in _REDIRECTS:
        return None
    location = response.headers.get("location")
    if not location:
        raise refused(f"{status_line(response.status_code)} without a Location")
    try:
        return response.url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise refused(f"{status_line(response.status_code)} to something that is no URL") from None


async def check_status(response: httpx.Response) -> None:
    """Raises UsageError for a status that another try does not change, else TryAgainError; nothing for success."""
    status = response.status_code
    if status in _OK:
        return
    if status in _RETRYABLE or status >= 500:
        raise TryAgainError(status_line(status), parse_retry_after(response.headers.get("retry-after"), utc_now()))
    hint = await _hint(response) if status >= 400 else None
    raise refused(f"{status_line(status)} ({hint})" if hint else status_line(status))


def status_line(status: int) -> str:
    """Such as `404 Not Found`, with the standard phrase and not the server's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


async def _hint(response: httpx.Response) -> str | None:
    body = b""
    try:
        async with asyncio.timeout(_BODY_S):
            async for piece in response.aiter_raw():
                body += piece
                if len(body) >= _BODY_BYTES:
                    break
    except (TimeoutError, httpx.HTTPError):
        pass  # the message then has the status alone
    return next((hint for mark, hint in _HINTS.items() if mark in body), None)
