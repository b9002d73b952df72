"""The cluster client against a real API server: verbs, errors, watches."""

import asyncio
import os
from typing import Any

import pytest

from ecg_cluster import paths
from ecg_cluster.client import Cluster, connect
from ecg_cluster.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    GoneError,
    NotFoundError,
)
from ecg_dev.control_plane.server import ControlPlane


@pytest.fixture
def client(connection: Cluster) -> Cluster:
    return connection


def _videojob(name: str, **spec: object) -> dict[str, Any]:
    source = {"url": "https://media.example/v.mp4"}
    api = {"apiVersion": "ecg-analyzer.io/v1alpha1", "kind": "VideoJob"}
    return {**api, "metadata": {"name": name}, "spec": {"jobId": name, "source": source, **spec}}


async def test_what_is_created_is_read_changed_and_deleted(client: Cluster, namespace: str) -> None:
    created = await client.create(paths.videojobs(namespace), _videojob("one"))
    assert (await client.get(paths.videojobs(namespace, "one")))["metadata"]["uid"] == created["metadata"]["uid"]
    changed = await client.patch(paths.videojobs(namespace, "one"), {"spec": {"run": 2}})
    assert changed["spec"]["run"] == 2
    await client.delete(paths.videojobs(namespace, "one"), uid=created["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await client.get(paths.videojobs(namespace, "one"))


async def test_the_proxy_of_the_environment_is_used_but_for_what_it_exempts(
    cluster: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    proxied = await connect()
    with pytest.raises(ClusterError, match="ClientProxyConnectionError"):
        await proxied.get("/api/v1/namespaces/default")
    await proxied.close()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    direct = await connect()
    assert (await direct.get("/api/v1/namespaces/default"))["kind"] == "Namespace"
    await direct.close()


async def test_each_refusal_has_its_class(client: Cluster, namespace: str) -> None:
    created = await client.create(paths.videojobs(namespace), _videojob("one"))
    with pytest.raises(AlreadyExistsError):
        await client.create(paths.videojobs(namespace), _videojob("one"))
    with pytest.raises(ClusterError, match=r"422: .*language"):
        await client.create(paths.videojobs(namespace), _videojob("two", language="tlh"))
    with pytest.raises(ConflictError):
        await client.delete(paths.videojobs(namespace, "one"), uid="another")
    await client.patch(paths.videojobs(namespace, "one", "status"), {"status": {"phase": "Running"}})
    with pytest.raises(ConflictError):
        await client.replace(paths.videojobs(namespace, "one", "status"), created | {"status": {"phase": "Failed"}})


async def test_a_list_goes_on_over_pages_and_may_leave_the_specs_out(client: Cluster, namespace: str) -> None:
    names = [f"vj{i:03}" for i in range(7)]
    await asyncio.gather(*(client.create(paths.videojobs(namespace), _videojob(name)) for name in names))
    whole, _ = await client.list(paths.videojobs(namespace), page=3)
    assert [item["metadata"]["name"] for item in whole] == names
    slim, _ = await client.list(paths.videojobs(namespace), metadata_only=True)
    assert [item["metadata"]["name"] for item in slim] == names
    assert not any("spec" in item for item in slim)


async def test_a_watch_tells_what_follows_a_list(client: Cluster, namespace: str) -> None:
    _, version = await client.list(paths.videojobs(namespace))
    await client.create(paths.videojobs(namespace), _videojob("one"))
    async for event in client.watch(paths.videojobs(namespace), version):
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "one")
        break


async def test_a_watch_from_too_long_ago_says_so(client: Cluster, namespace: str) -> None:
    with pytest.raises(GoneError):
        async for _ in client.watch(paths.videojobs(namespace), "1"):
            pass


async def test_a_server_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch, cluster: ControlPlane) -> None:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    client = await connect(timeout_s=2)
    client._client.configuration.host = "https://127.0.0.1:1"
    with pytest.raises(ClusterError, match="GET /api/v1/namespaces/x/pods: no answer"):
        await client.get(paths.core("x", "pods"))
    await client.close()


async def test_an_unknown_token_is_refused(monkeypatch: pytest.MonkeyPatch, cluster: ControlPlane) -> None:
    monkeypatch.setitem(os.environ, "KUBECONFIG", str(cluster.kubeconfig_for("nobody")))
    client = await connect()
    with pytest.raises(ClusterError, match="401"):
        await client.get(paths.core("default", "pods"))
    await client.close()
