"""Validates source URLs, and computes the digest by which two requests are the same.

Only the syntax is checked here. Which addresses may be reached is decided when the pipeline's downloader connects: a
name can resolve to anything, and FETCH_ALLOW is a setting of the pipeline.
"""

import hashlib
import json
import re
from posixpath import basename
from urllib.parse import unquote, urlsplit

import httpx

from ecg_api.errors import wrong_field
from ecg_common.s3_url import parse_s3_url
from ecg_contract.host_protocol import Source
from ecg_contract.wire.models import ProcessVideoRequest

_SCHEMES = ("http", "https", "s3")
_FIRST_FIELDS = ("video_url", "fastapi_base_url", "enable_gpu", "emotion_detection", "language", "max_workers")
"""What a video's request had in the first release."""

_SIGNATURES = (
    ("awsaccesskeyid", r"awsaccesskeyid|signature|expires"),
    ("googleaccessid", r"googleaccessid|signature|expires"),
    ("key-pair-id", r"key-pair-id|signature|expires|policy"),
    ("sig", r"s(v|s|rt|r|e|t|p|ip|pr|ig|koid|ktid|kt|ke|ks|kv)"),
)
"""Per signature scheme: the query parameter it is recognised by, and a pattern of all that it adds. S3 v2, GCS v2,
CloudFront, Azure SAS."""


def checked_source(field: str, url: str) -> Source:
    """The source at `url`. Raises ProblemError 422 that names `field`."""
    reason = _syntax_error(url)
    if reason:
        raise wrong_field(field, f"{reason}; allowed are http, https and s3 URLs, such as s3://bucket/video.mp4")
    return Source(url=url)


def source_name(url: str) -> str:
    """Last segment of the URL's path, as a display name."""
    return basename(unquote(urlsplit(url).path).rstrip("/")) or "media"


def _syntax_error(url: str) -> str | None:
    if any(ord(c) <= 0x20 or 0x7F <= ord(c) <= 0xA0 for c in url):
        return "must not contain spaces or control characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not parts.scheme or len(parts.scheme) == 1:  # one letter is a Windows drive
        return "is a local path, which is not read"
    if parts.scheme not in _SCHEMES:
        return "has a scheme that is not read"
    if parts.scheme == "s3":
        return None if parse_s3_url(url) else "names no object in a bucket"
    return _host_error(host)


def _host_error(host: str | None) -> str | None:
    if not host:
        return "names no host"
    try:
        httpx.URL(scheme="http", host=host)
        host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):  # UnicodeError: a label of over 63 bytes
        return "has a host name that cannot be looked up"
    return None


def video_body_key(video: ProcessVideoRequest) -> str:
    """The digest of a video's request. Options that the first release did not have count where they are given.

    So a release with a new option recognises the requests that an earlier one accepted.
    """
    fields = video.model_dump(exclude={"job_id"}, mode="json")
    defaults = {
        name: field.get_default(call_default_factory=True) for name, field in ProcessVideoRequest.model_fields.items()
    }
    return body_key(**{n: value for n, value in fields.items() if n in _FIRST_FIELDS or value != defaults[n]})


def body_key(**fields: object) -> str:
    """SHA-256 over a request's fields, in hexadecimal, with signatures removed from URLs."""
    canonical = {k: unsigned(v) if isinstance(v, str) else v for k, v in fields.items()}
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()


def unsigned(url: str) -> str:
    """The URL without the query parameters of its signature."""
    head, mark, query = url.partition("?")
    pairs = query.split("&")
    names = {_name(pair) for pair in pairs}
    signing = [pattern for marker, pattern in _SIGNATURES if marker in names]
    signing.append(r"x-(amz|goog)-.*")
    kept = "&".join(p for p in pairs if not re.fullmatch("|".join(signing), _name(p), re.DOTALL))
    return f"{head}{mark}{kept}" if kept else head


def _name(pair: str) -> str:
    return unquote(pair.partition("=")[0]).lower()
