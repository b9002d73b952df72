"""The API server's verbs on plain JSON objects, over the `kubernetes` package's asynchronous client.

Each call is one request and is never repeated here: only the caller knows whether it may be. Objects stay plain JSON,
because decoding a Pod into the package's model classes costs more than the request.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from ecg_cluster.errors import ClusterError, NoClusterError, cluster_error
from ecg_common.clock import utc_now
from ecg_contract.retry_after import parse_retry_after
from ecg_contract.videojob.manifests import Manifest

BeforeWrite = Callable[[], None]
"""Called before each request that changes something; what it raises is raised instead of the request."""
OnRequest = Callable[[str, str], None]
"""Called with the method and the path of every request, for metrics."""

_MERGE_PATCH = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_CONNECTIONS = 64
_QUOTED = 200
"""Characters of a foreign text that an error quotes."""
_LONGEST_LINE = 8 * 1024 * 1024
"""Longest event of a watch; etcd's objects have at most 1.5 MiB."""


class Cluster:
    """A connection to the API server; `timeout_s` holds for each request but a watch."""

    def __init__(
        self,
        client: ApiClient,
        timeout_s: float = 30.0,
        on_request: OnRequest = lambda _method, _path: None,
        before_write: BeforeWrite = lambda: None,
    ) -> None:
        self._client, self._timeout_s, self.on_request = client, timeout_s, on_request
        self._before_write = before_write

    def guarded(self, before_write: BeforeWrite) -> "Cluster":
        """The same connection, with a condition for writing."""
        return Cluster(self._client, self._timeout_s, self.on_request, before_write)

    async def close(self) -> None:
        await self._client.close()

    async def get(self, path: str) -> Manifest:
        return await self._request("GET", path)

    async def list(
        self,
        path: str,
        *,
        selector: str | None = None,
        fields: str | None = None,
        metadata_only: bool = False,
        page: int = _PAGE,
    ) -> tuple[Sequence[Manifest], str]:
        """All objects, page by page, and the resourceVersion to start a watch from."""
        items: list[Manifest] = []
        token: str | None = None
        while True:
            query = {"limit": page, "continue": token, "labelSelector": selector, "fieldSelector": fields}
            accept = _METADATA_ONLY if metadata_only else None
            answer = await self._request("GET", path, query=query, accept=accept)
            items += answer.get("items") or []
            token = answer["metadata"].get("continue")
            if not token:
                return items, str(answer["metadata"]["resourceVersion"])

    async def create(self, path: str, manifest: Manifest) -> Manifest:
        """Raises AlreadyExistsError."""
        return await self._request("POST", path, manifest)

    async def replace(self, path: str, manifest: Manifest) -> Manifest:
        """Raises ConflictError when the object has changed since its `metadata.resourceVersion`."""
        return await self._request("PUT", path, manifest)

    async def patch(self, path: str, patch: Manifest) -> Manifest:
        """A JSON merge patch. Raises ConflictError when its `metadata.resourceVersion` is not the current one."""
        return await self._request("PATCH", path, patch, content_type=_MERGE_PATCH)

    async def json_patch(self, path: str, operations: Sequence[Manifest]) -> Manifest:
        """Raises ClusterError of status 422 where a `test` among the operations fails."""
        return await self._request("PATCH", path, operations, content_type=_JSON_PATCH)

    async def delete(self, path: str, *, uid: str | None = None, version: str | None = None) -> None:
        """Raises NotFoundError; ConflictError when its uid or resourceVersion is not `uid` or `version`."""
        wanted = {"uid": uid, "resourceVersion": version}
        preconditions = {name: value for name, value in wanted.items() if value is not None}
        await self._request("DELETE", path, {"propagationPolicy": "Background", "preconditions": preconditions})

    async def watch(
        self, path: str, version: str, *, field: str | None = None, limit_s: int = 240
    ) -> AsyncIterator[Manifest]:
        """Events `{"type", "object"}` after `version`, until the server ends the watch.

        Raises GoneError for a version that is too old, and ClusterError for a refusal and for what is no event.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "fieldSelector": field,
            "timeoutSeconds": limit_s,
            "allowWatchBookmarks": "true",
        }
        limits = aiohttp.ClientTimeout(total=limit_s + self._timeout_s, sock_connect=self._timeout_s)
        answer = await self._send("GET", path, None, None, query, None, limits)
        with contextlib.closing(answer.response), _no_answer(f"watch {path}"):
            if answer.status != 200:
                async with asyncio.timeout(self._timeout_s):
                    raise _refusal(f"watch {path}", answer, await answer.read())
            async for line in _lines(answer.response.content, f"watch {path}"):
                yield _event(line, f"watch {path}")

    async def _request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        query: Mapping[str, object] | None = None,
        accept: str | None = None,
    ) -> Manifest:
        if method != "GET":
            self._before_write()
        answer = await self._send(method, path, body, content_type, query or {}, accept, self._timeout_s)
        with _no_answer(f"{method} {path}"):
            async with asyncio.timeout(self._timeout_s):
                data = await answer.read()
        if not 200 <= answer.status < 300:
            raise _refusal(f"{method} {path}", answer, data)
        decoded = _decoded(data)
        if decoded is None:
            raise ClusterError(f"{method} {path}", None, "an answer that is no JSON object")
        return decoded

    async def _send(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        method: str,
        path: str,
        body: object,
        content_type: str | None,
        query: Mapping[str, object],
        accept: str | None,
        limits: object,
    ) -> Any:
        headers = {"Accept": accept or "application/json", "Content-Type": content_type or "application/json"}
        self.on_request(method, path)
        parameters = [(name, value) for name, value in query.items() if value is not None]
        with _no_answer(f"{method} {path}"):
            method, url, headers, _, form = await self._client.param_serialize(
                method, path, query_params=parameters, header_params=headers, auth_settings=["BearerToken"]
            )  # without the body, which would be copied: it is plain JSON
            return await self._client.call_api(method, url, headers, body, form, _request_timeout=limits)


def _decoded(data: bytes) -> Manifest | None:
    """The JSON object; {} for nothing, None for anything else."""
    try:
        decoded = json.loads(data) if data else {}
    except ValueError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _refusal(request: str, answer: Any, data: bytes) -> ClusterError:
    """The error for an answer that is not 2xx; its body is a Kubernetes `Status`, or what a proxy says."""
    status = _decoded(data) or {"message": data[:_QUOTED].decode(errors="replace")}
    return cluster_error(
        request, answer.status, status, parse_retry_after(answer.headers.get("Retry-After"), utc_now())
    )


async def _lines(content: aiohttp.StreamReader, request: str) -> AsyncIterator[bytes]:
    """Raises ClusterError for a line that is too long, and for one that the end cuts off."""
    rest = b""
    async for piece in content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LONGEST_LINE:
            raise ClusterError(request, None, "an event that is too long")
    if rest:
        raise ClusterError(request, None, "the connection ended within an event")


def _event(line: bytes, request: str) -> Manifest:
    """Raises ClusterError for the server's own error, and for what is no event."""
    event = _decoded(line) or {}
    about = event.get("object")
    if not isinstance(about, dict) or "type" not in event:
        raise ClusterError(request, None, f"no event: {line[:_QUOTED].decode(errors='replace')}")
    if event["type"] == "ERROR":
        raise cluster_error(request, int(about.get("code") or 500), about)
    return event


@contextlib.contextmanager
def _no_answer(request: str) -> Iterator[None]:
    """Turn an error of the connection into ClusterError."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise ClusterError(request, None, type(error).__name__) from error


async def connect(
    timeout_s: float = 30.0, connections: int = _CONNECTIONS, on_request: OnRequest = lambda _method, _path: None
) -> Cluster:
    """Connect by KUBECONFIG where it is set, else with the pod's service account, whose token is reread on renewal.

    `connections` is the most at a time, 0 for no limit; a watch occupies one while it runs. Raises NoClusterError where
    there is neither.
    """
    configuration = Configuration()
    try:
        await _load(configuration)
    except ConfigException as error:
        raise NoClusterError(str(error)) from error
    configuration.connection_pool_maxsize = connections
    configuration.retries = None
    configuration.proxy = configuration.proxy or _environment_proxy(configuration.host)
    configuration.client_session_kwargs = {"trust_env": False}
    return Cluster(ApiClient(configuration), timeout_s, on_request)


def _environment_proxy(url: str) -> str | None:
    """The proxy that the environment names for `url`, as HTTPS_PROXY and NO_PROXY do.

    Looked up once: with `trust_env` aiohttp looks for it, and for ~/.netrc, at each request and in threads, which takes
    more CPU time than the rest of the request.
    """
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


async def _load(configuration: Configuration) -> None:
    if file := os.environ.get("KUBECONFIG"):
        await load_kube_config(config_file=file, client_configuration=configuration)
    else:
        load_incluster_config(client_configuration=configuration)
