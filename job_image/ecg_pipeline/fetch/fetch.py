"""One function for every kind of source URL."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from ecg_common.redact import redact_url
from ecg_common.s3_url import parse_s3_url
from ecg_pipeline.fetch.common import FetchedFile, Log, OnBytes, refused
from ecg_pipeline.fetch.download import Downloader
from ecg_pipeline.settings import FetchSettings


def fetch(
    source_url: str,
    target: Path,
    settings: FetchSettings,
    on_progress: OnBytes = lambda done, total: None,
    log: Log = logging.getLogger(__name__),  # noqa: B008 -- the same logger every time
) -> FetchedFile:
    """Download `source_url` to `target`; blocks, so threads call it. What `on_progress` raises ends the download.

    Raises UsageError or TransientError (DOWNLOAD_ERROR). No part of a failed download is left.
    """
    shown = redact_url(source_url)
    log.info("download_started", extra={"url": shown})
    try:
        size = _fetch(source_url, target, settings, on_progress, log)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    log.info("download_completed", extra={"url": shown, "bytes": size})
    return FetchedFile(target, size, shown)


def _fetch(url: str, target: Path, settings: FetchSettings, on_progress: OnBytes, log: Log) -> int:
    s3_object = parse_s3_url(url)
    if s3_object is not None:
        from ecg_pipeline.fetch.s3 import S3Reader  # noqa: PLC0415 -- boto3 takes a second, and few jobs need it

        return S3Reader(settings, log).read(s3_object, target, on_progress)
    if urlsplit(url).scheme == "s3":
        raise refused("an s3 URL is s3://bucket/key")
    return Downloader(settings, log).download(url, target, on_progress)
