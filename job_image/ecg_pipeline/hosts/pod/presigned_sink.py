"""Stores the result in S3 by a presigned PUT, so that the pod needs no credentials for the bucket."""

import logging
from pathlib import Path

import httpx

from ecg_cluster.pod_client import Answer
from ecg_contract.errors import ErrorCode, TransientError
from ecg_contract.host_protocol import PipelineJob
from ecg_pipeline.hosts.pod.retry import Verdict, with_retries

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
        found, answer = with_retries(lambda: self._put(data), self._patience_s, _verdict)
        if found is not Verdict.ACCEPTED:
            raise TransientError(
                ErrorCode.PROCESSING_ERROR, f"the result could not be stored in the bucket (HTTP {answer.status})"
            )
        _log.info("result_stored", extra={"location": self._location, "result_bytes": len(data)})
        return self._location

    def _put(self, data: bytes) -> Answer:
        """The URL is a credential and appears in no message."""
        try:
            url = self._url_file.read_text(encoding="utf-8").strip()
            headers = {"content-type": "application/json"}
            response = httpx.put(url, content=data, headers=headers, timeout=_TIMEOUT, follow_redirects=False)
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            _log.info("result_put_failed", extra={"error": type(error).__name__})
            return Answer(None)
        return Answer(response.status_code)


def _verdict(answer: Answer) -> Verdict:
    if answer.status is not None and 200 <= answer.status < 300:
        return Verdict.ACCEPTED
    _log.warning("result_not_stored", extra={"status": answer.status})
    return Verdict.WRONG if answer.status in _FINAL else Verdict.LATER
