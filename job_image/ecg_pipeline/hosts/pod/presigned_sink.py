"""Stores the result in S3 by a presigned PUT, so that the pod needs no credentials for the bucket."""

import logging
import time
from pathlib import Path

import httpx

from ecg_cluster.pod_client import Answer
from ecg_contract.errors import ErrorCode, TransientError
from ecg_contract.host_protocol import PipelineJob
from ecg_pipeline.hosts.pod.retry import pause_s

_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_FINAL = (400, 405, 411, 413)
"""Statuses that another try does not change; after 403 the operator may have written a new URL to the file."""
_log = logging.getLogger(__name__)


class PresignedSink:
    """PUTs the result to the URL in `url_file`, read again for each try; reports `location`."""

    def __init__(self, location: str, url_file: Path, patience_s: float) -> None:
        self._location, self._url_file, self._patience_s = location, url_file, patience_s

    def store(self, job: PipelineJob, data: bytes) -> str:
        """Raises TransientError when the bucket does not take it in time."""
        deadline, tries = time.monotonic() + self._patience_s, 0
        while True:
            status = self._put(data)
            if status is not None and 200 <= status < 300:
                _log.info("result_stored", extra={"location": self._location, "result_bytes": len(data)})
                return self._location
            left = deadline - time.monotonic()
            if status in _FINAL or left <= 0:
                raise TransientError(
                    ErrorCode.PROCESSING_ERROR, f"the result could not be stored in the bucket (HTTP {status})"
                )
            _log.warning("result_not_stored", extra={"status": status, "try": tries + 1})
            time.sleep(min(pause_s(tries, Answer(status)), left))
            tries += 1

    def _put(self, data: bytes) -> int | None:
        """The response's status; None for none. The URL is a credential and appears in no message."""
        try:
            url = self._url_file.read_text(encoding="utf-8").strip()
            headers = {"content-type": "application/json"}
            answer = httpx.put(url, content=data, headers=headers, timeout=_TIMEOUT, follow_redirects=False)
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            _log.info("result_put_failed", extra={"error": type(error).__name__})
            return None
        return answer.status_code
