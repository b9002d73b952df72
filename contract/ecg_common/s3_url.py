"""Recognises URLs of objects in S3. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9._-]+)\.)?"
    r"s3(?:-fips)?(?P<accelerated>-accelerate)?(?:\.dualstack)?"
    r"(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d|external-1))?"
    r"\.amazonaws\.com(?:\.cn)?"
)
"""Virtual-hosted and path style, with a region or without, the older `s3-eu-west-1`, dual-stack, FIPS, China."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_SIGNED = {"x-amz-signature", "x-amz-credential", "signature", "awsaccesskeyid"}


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object, or one version of it."""

    bucket: str
    key: str
    region: str | None = None
    """None where the URL does not say it."""
    version_id: str | None = None

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_s3_url(url: str) -> S3Object | None:
    """The object that `s3://bucket/key` or an unsigned S3 URL names; None for everything else.

    None for a presigned URL too: it carries its own right to read, so it is downloaded over HTTP.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        query = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    except ValueError:
        return None
    if "@" in parts.netloc or query.keys() & _SIGNED or query.keys() - {"versionid", "x-id"}:
        return None
    version = query.get("versionid") or None
    match parts.scheme:
        case "s3":
            return _object(parts.netloc, unquote(parts.path[1:]), None, version)
        case "http" | "https" if port in (None, {"http": 80, "https": 443}[parts.scheme]):
            return _hosted((parts.hostname or "").rstrip("."), unquote(parts.path[1:]), version)
        case _:
            return None


def _hosted(host: str, path: str, version: str | None) -> S3Object | None:
    found = _HOST.fullmatch(host)
    if not found or (found["accelerated"] and not found["bucket"]):
        return None
    region = {"external-1": "us-east-1"}.get(found["region"] or "", found["region"])
    if found["bucket"]:
        return _object(found["bucket"], path, region, version)
    bucket, _, key = path.partition("/")
    return _object(bucket, key, region, version)


def _object(bucket: str, key: str, region: str | None, version: str | None) -> S3Object | None:
    if not key or not _BUCKET.fullmatch(bucket):
        return None
    return S3Object(bucket, key, region, version)
