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

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from ecg_cluster.errors import ClusterError, NoClusterError, cluster_error
from ecg_contract.videojob.manifests import Manifest

BeforeWrite = Callable[[], None]
"""Called before each request that changes something; what it raises is raised instead of the request."""
OnRequest = Callable[[str, str], None]
"""Called with the method and the path of every request, for metrics."""

_MERGE_PATCH = "application/merge-patch+json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500
_CONNECTIONS = 64


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

    async def delete(self, path: str, *, uid: str | None = None, version: str | None = None) -> None:
        """Raises NotFoundError; ConflictError when its uid or resourceVersion is not `uid` or `version`."""
        wanted = {"uid": uid, "resourceVersion": version}
        preconditions = {name: value for name, value in wanted.items() if value is not None}
        await self._request("DELETE", path, {"propagationPolicy": "Background", "preconditions": preconditions})

    async def watch(
        self, path: str, version: str, *, field: str | None = None, limit_s: int = 240
    ) -> AsyncIterator[Manifest]:
        """Events `{"type", "object"}` after `version`, until the server ends the watch.

        Raises GoneError for a version that is too old.
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
            async for line in answer.response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise cluster_error(f"watch {path}", int(status.get("code", 500)), status)
                yield event

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
        try:
            decoded = json.loads(data) if data else {}
        except ValueError:
            decoded = {"message": data[:200].decode(errors="replace")}
        if not 200 <= answer.status < 300:
            raise cluster_error(f"{method} {path}", answer.status, decoded)
        return dict(decoded)

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
            request = await self._client.param_serialize(
                method, path, query_params=parameters, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            return await self._client.call_api(*request, _request_timeout=limits)


@contextlib.contextmanager
def _no_answer(request: str) -> Iterator[None]:
    """Turn an error of the connection into ClusterError."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
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
    return Cluster(ApiClient(configuration), timeout_s, on_request)


async def _load(configuration: Configuration) -> None:
    if file := os.environ.get("KUBECONFIG"):
        await load_kube_config(config_file=file, client_configuration=configuration)
    else:
        load_incluster_config(client_configuration=configuration)
