"""A watch that the server, or a proxy before it, answers with something else than events."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ecg_cluster.client import Cluster, connect
from ecg_cluster.errors import ClusterError, GoneError
from support.receiver import Answer, Receiver

STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Any", "message": "the server says no"}
EVENT = json.dumps({"type": "ADDED", "object": {"metadata": {"name": "a"}}}).encode() + b"\n"


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    with Receiver() as receiver:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": receiver.url}}],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield receiver


@pytest.fixture
async def client(server: Receiver) -> AsyncIterator[Cluster]:
    connected = await connect(timeout_s=5)
    yield connected
    await connected.close()


async def _collect(client: Cluster, seen: list[dict[str, Any]]) -> None:
    async for event in client.watch("/api/v1/namespaces/n/pods", "1"):
        seen.append(event)


async def _watched(client: Cluster) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    await _collect(client, seen)
    return seen


@pytest.mark.parametrize("status", [403, 410, 429, 500, 503])
@pytest.mark.parametrize("body", [json.dumps(STATUS).encode(), b"<html>bad gateway</html>", b"", b"[1]"])
async def test_a_refusal_is_told_by_its_status(server: Receiver, client: Cluster, status: int, body: bytes) -> None:
    server.script(Answer(status, {"Retry-After": "7"}, body))
    with pytest.raises(ClusterError) as refused:
        await _watched(client)
    assert isinstance(refused.value, GoneError) == (status == 410)
    assert (refused.value.status, refused.value.pause_s(1.0)) == (status, 7.0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (EVENT + EVENT[:20], "ended within an event"),
        (EVENT + b"no JSON\n", "no event: no JSON"),
        (EVENT + b'{"type": "ADDED"}\n', "no event"),
        (EVENT + b'{"object": {}}\n', "no event"),
        (EVENT + b"[]\n", "no event"),
        (EVENT + b"x" * 9_000_000, "too long"),
    ],
)
async def test_what_is_no_event_ends_the_watch_with_an_error(
    server: Receiver, client: Cluster, body: bytes, said: str
) -> None:
    server.script(Answer(200, {}, body))
    seen: list[dict[str, Any]] = []
    with pytest.raises(ClusterError, match=said):
        await _collect(client, seen)
    assert [event["object"]["metadata"]["name"] for event in seen] == ["a"], "what came before counts"


async def test_an_event_of_megabytes_is_read(server: Receiver, client: Cluster) -> None:
    """A pod with a long annotation; the library's own limit for a line is 128 KiB."""
    event = {"type": "MODIFIED", "object": {"metadata": {"annotations": {"a": "x" * 2_000_000}}}}
    server.script(Answer(200, {}, json.dumps(event).encode() + b"\n" + EVENT))
    assert [seen["type"] for seen in await _watched(client)] == ["MODIFIED", "ADDED"]


@pytest.mark.parametrize("code", [410, 500])
async def test_an_error_event_is_raised(server: Receiver, client: Cluster, code: int) -> None:
    event = {"type": "ERROR", "object": STATUS | {"code": code}}
    server.script(Answer(200, {}, json.dumps(event).encode() + b"\n"))
    with pytest.raises(ClusterError, match="the server says no") as raised:
        await _watched(client)
    assert isinstance(raised.value, GoneError) == (code == 410)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"items": ['])
async def test_a_success_that_is_no_object_is_an_error(server: Receiver, client: Cluster, body: bytes) -> None:
    server.script(Answer(200, {}, body))
    with pytest.raises(ClusterError, match="no JSON object"):
        await client.get("/api/v1/namespaces/n/pods")


async def test_a_refusal_that_quotes_a_signed_url_is_redacted(server: Receiver, client: Cluster) -> None:
    quoted = STATUS | {"message": "denied: https://b.example/x?X-Amz-Signature=canary is not allowed"}
    server.script(Answer(403, {}, json.dumps(quoted).encode()))
    with pytest.raises(ClusterError) as refused:
        await client.get("/api/v1/namespaces/n/pods")
    assert "canary" not in str(refused.value) + refused.value.message
