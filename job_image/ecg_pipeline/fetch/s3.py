"""Reads from S3 by boto3, with the process's own credentials, else anonymously."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError
from s3transfer.manager import TransferConfig, TransferManager
from s3transfer.subscribers import BaseSubscriber

from ecg_common.s3_url import S3Object
from ecg_contract.errors import UsageError
from ecg_pipeline.fetch.common import Log, OnBytes, TryAgainError, check_size, given_up, pause_after, refused, too_large
from ecg_pipeline.fetch.http_answer import status_line
from ecg_pipeline.fetch.least_rate import LeastRate
from ecg_pipeline.fetch.parts import PART_BYTES
from ecg_pipeline.settings import FetchSettings

_PIECE = 1024 * 1024
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
_RETRYABLE = {"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "InternalError", "ServiceUnavailable", "Throttling"}


class _NotAllowedError(Exception):
    """There are no credentials, or they give no access."""


class S3Reader:
    """Downloads objects."""

    def __init__(self, settings: FetchSettings, log: Log, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings, self._log, self._sleep = settings, log, sleep

    def read(self, source: S3Object, target: Path, on_progress: OnBytes) -> int:
        """Download `source` to `target`; its size in bytes. Raises UsageError, TransientError."""
        self._check_bucket(source.bucket)
        try:
            return self._with_retries(self._client(source, public=False), source, target, on_progress)
        except _NotAllowedError:
            self._log.info("s3_read_as_public", extra={"url": source.url})
        try:
            return self._with_retries(self._client(source, public=True), source, target, on_progress)
        except _NotAllowedError:
            raise refused(
                f"403 Forbidden (neither this server's role nor the public has s3:GetObject on {source.url};"
                " without s3:ListBucket a missing object is answered alike)"
            ) from None

    def _check_bucket(self, bucket: str) -> None:
        allowed = self._settings.s3_buckets
        if allowed and bucket not in allowed:
            raise refused(f"403 Forbidden (this server reads no video from the bucket {bucket})")
        if not allowed and bucket == self._settings.results_bucket:
            raise refused(f"403 Forbidden (the bucket {bucket} holds results; no video is read from it)")

    def _client(self, source: S3Object, *, public: bool) -> Any:
        endpoint = self._settings.s3_endpoint_url
        options: dict[str, Any] = {"signature_version": UNSIGNED} if public else {}
        session = boto3.Session()
        return session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=source.region or session.region_name or "us-east-1",
            config=Config(
                connect_timeout=self._settings.fetch_connect_timeout_s,
                read_timeout=self._settings.fetch_stall_timeout_s,
                retries={"total_max_attempts": 1},  # tries are counted and logged here
                s3={"addressing_style": "path" if endpoint else "auto"},
                **options,
            ),
        )

    def _with_retries(self, client: Any, source: S3Object, target: Path, on_progress: OnBytes) -> int:
        download = _Download(client, source, target, self._settings, on_progress)
        failures = 0
        while True:
            try:
                return download.resume()
            except TryAgainError as error:
                failures += 1
                pause = pause_after(error, failures, self._settings.fetch_tries, download.size, self._log)
            client.close()  # the next try connects anew: S3 may be closing the connection that it answered on
            self._sleep(pause)


class _Download:
    """The download of one object, over several tries."""

    def __init__(
        self, client: Any, source: S3Object, target: Path, settings: FetchSettings, on_progress: OnBytes
    ) -> None:
        self._client, self._source, self._target, self._on_progress = client, source, target, on_progress
        self._limit, self._deadline = settings.fetch_max_bytes, time.monotonic() + settings.fetch_total_timeout_s
        self._time_limit_s = settings.fetch_total_timeout_s
        self._rate = LeastRate(settings)
        self._connections = settings.fetch_connections
        self._etag: str | None = None
        self._total = 0
        self.size = 0

    def resume(self) -> int:
        """Read what is missing. Raises TryAgainError, _NotAllowedError, UsageError, TransientError."""
        try:
            answer = self._client.get_object(**self._request())
            self._begin(answer)
            if self._connections > 1 and self.size == 0 and self._total >= 2 * PART_BYTES:
                answer["Body"].close()
                self._store_parts()
            else:
                self._store(answer["Body"])
        except _NO_CREDENTIALS:
            raise _NotAllowedError from None
        except ClientError as error:
            if _status(error) in (412, 416):  # the object has changed in between
                self.size, self._etag = 0, None
            raise _meaning_of(error, self._source) from None
        except ParamValidationError:
            raise refused("no legal S3 bucket or key") from None
        except BotoCoreError as error:
            raise TryAgainError(f"S3 is not reached: {error}") from None
        except OSError as error:
            raise given_up(f"the file cannot be written: {error.strerror}", 1) from None
        return self.size

    def _request(self) -> dict[str, str]:
        request = {"Bucket": self._source.bucket, "Key": self._source.key}
        if self._source.version_id:
            request["VersionId"] = self._source.version_id
        if self.size and self._etag:
            request |= {"Range": f"bytes={self.size}-", "IfMatch": self._etag}
        return request

    def _begin(self, answer: dict[str, Any]) -> None:
        if not self._etag:
            self.size = 0
        self._etag = answer.get("ETag")
        self._total = self.size + int(answer["ContentLength"])
        check_size(self._total, self._limit, self._target.parent)

    def _store(self, body: Any) -> None:
        self._rate.begin()
        with self._target.open("ab" if self.size else "wb") as file:
            for piece in body.iter_chunks(_PIECE):
                file.write(piece)
                self.size += len(piece)
                if self.size > self._limit:
                    raise too_large(self.size, self._limit)
                self._arrived(len(piece))
        if self.size != self._total:
            raise TryAgainError(f"S3's answer ended after {self.size} of {self._total} bytes")

    def _store_parts(self) -> None:
        """Have boto3's transfer manager read parts side by side. When it fails, the next try is over one connection."""
        connections, self._connections = self._connections, 1
        config = TransferConfig(
            multipart_threshold=1, multipart_chunksize=PART_BYTES, max_request_concurrency=connections
        )
        self._rate.begin()
        version = {"VersionId": self._source.version_id} if self._source.version_id else {}
        try:
            with TransferManager(self._client, config) as manager:
                watcher = _Watcher(self._total, self._etag, self._part_arrived)
                manager.download(self._source.bucket, self._source.key, str(self._target), version, [watcher]).result()
        except BaseException as error:
            self.size, self._etag = 0, None
            if isinstance(error, RetriesExceededError | S3DownloadFailedError):
                raise TryAgainError(f"S3's answers end early: {error}") from None
            raise

    def _part_arrived(self, size: int) -> None:
        """Called in the manager's threads, one at a time."""
        self.size += size
        self._arrived(size)

    def _arrived(self, size: int) -> None:
        if time.monotonic() > self._deadline:
            raise given_up(f"not complete within {self._time_limit_s:g} s", 1)
        self._rate.arrived(size, self._total - self.size)
        self._on_progress(self.size, self._total)


class _Watcher(BaseSubscriber):
    """Tells the transfer manager what is known of the object, and is told of each piece that arrives."""

    def __init__(self, total: int, etag: str | None, on_piece: Callable[[int], None]) -> None:
        self._total, self._etag, self._on_piece = total, etag, on_piece
        self._lock = threading.Lock()

    def on_queued(self, future: Any, **_: Any) -> None:
        future.meta.provide_transfer_size(self._total)
        future.meta.provide_object_etag(self._etag)

    def on_progress(self, future: Any, bytes_transferred: int, **_: Any) -> None:
        """`bytes_transferred` is negative where a part begins anew."""
        with self._lock:
            self._on_piece(bytes_transferred)


def _meaning_of(error: ClientError, source: S3Object) -> UsageError | TryAgainError | _NotAllowedError:
    """The error that a refusal by S3 stands for."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = _status(error)
    if code in _RETRYABLE or status >= 500 or status in (412, 416, 429):
        return TryAgainError(f"{status_line(status)} ({code})")
    if code == "InvalidObjectState":
        return refused(f"403 Forbidden ({source.url} is archived and has to be restored first)")
    if status in (401, 403) or code in ("InvalidAccessKeyId", "ExpiredToken", "InvalidToken"):
        return _NotAllowedError()
    if code == "NoSuchBucket":
        return refused(f"404 Not Found (there is no bucket {source.bucket})")
    return refused(status_line(status) if status == 404 else f"{status_line(status)} ({code})")


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
