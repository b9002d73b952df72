"""Requests to the model hub, each bounded: what a revision has, and a file from a byte on."""

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from ecg_pipeline.model_hub.faults import fault_of_answer

_CONNECT_S = 5.0
"""For each address of the hub's host."""
_SLOWEST_BYTES = 64 * 1024
_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a revision; size in bytes and digest as far as the hub gives them."""

    name: str
    size: int | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a commit."""

    commit: str
    files: list[HubFile]


class HubClient:
    """Raises ModelFault where the hub refuses, httpx.HTTPError where another try may succeed."""

    def __init__(self, endpoint: str, token: str | None, timeout_s: float) -> None:
        self.endpoint, self._token = endpoint.rstrip("/"), token
        self._timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))

    def listing(self, model: str, revision: str) -> Listing:
        with self._client() as client:
            answer = client.get(f"{self.endpoint}/api/models/{model}/revision/{revision}", params={"blobs": "true"})
            self._check(answer, model)
            found = answer.json()
        return Listing(found["sha"], [_hub_file(file) for file in found.get("siblings") or []])

    def check_access(self, model: str, file: str) -> None:
        """Raises ModelFault where the hub does not give `file`."""
        with self._client() as client:
            self._check(client.head(self._url(model, "main", file), follow_redirects=False), model)

    @contextmanager
    def open(self, model: str, commit: str, file: str, first: int) -> Iterator[httpx.Response]:
        """The answer to a request for the file's bytes from `first` on; a hub may send all of them all the same."""
        headers = {"Range": f"bytes={first}-"} if first else {}
        with self._client() as client, client.stream("GET", self._url(model, commit, file), headers=headers) as answer:
            self._check(answer, model)
            yield answer

    def _check(self, answer: httpx.Response, model: str) -> None:
        if fault := fault_of_answer(answer, model, has_token=self._token is not None):
            raise fault
        if answer.status_code >= 400:
            raise httpx.HTTPStatusError("refused", request=answer.request, response=answer)

    def _url(self, model: str, revision: str, file: str) -> str:
        return f"{self.endpoint}/{model}/resolve/{revision}/{file}"

    def _client(self) -> httpx.Client:
        headers = {"user-agent": "ecg-audio-analyzer", "accept-encoding": "identity"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"  # httpx does not send it on to another host
        return httpx.Client(headers=headers, timeout=self._timeout, follow_redirects=True, verify=_certificates())


def pieces(answer: httpx.Response) -> Iterator[bytes]:
    """The body as it arrives. Raises httpx.ReadTimeout where fewer than 64 KiB arrive in a minute."""
    since, arrived = time.monotonic(), 0
    for piece in answer.iter_raw():
        yield piece
        arrived += len(piece)
        if time.monotonic() - since >= _WINDOW_S:
            if arrived < _SLOWEST_BYTES:
                raise httpx.ReadTimeout(f"only {arrived} bytes in {_WINDOW_S:g} s", request=answer.request)
            since, arrived = time.monotonic(), 0


def _hub_file(file: dict[str, Any]) -> HubFile:
    large = file.get("lfs") or {}
    return HubFile(file["rfilename"], large.get("size") or file.get("size"), large.get("sha256") or file.get("blobId"))


def _certificates() -> ssl.SSLContext:
    """Those that the environment names for other libraries' requests to the hub, too."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle) if bundle else httpx.create_ssl_context()
