"""The Lease on an API server that hangs, loses writes or answers nonsense."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from ecg_cluster.errors import ClusterError, ConflictError, NotFoundError
from ecg_operator import main
from ecg_operator.runtime.lease import Lease, LeaseLostError
from ecg_operator.settings import OperatorSettings

DURATION_S, MARGIN_S = 1.0, 0.3


class OneLease:
    """The API server's Lease; `hangs` answers nothing, `nonsense` once with an object that is no Lease, `forbids` once
    refuses to create it."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] | None = None
        self.version = 0
        self.hangs = self.nonsense = self.forbids = False

    async def get(self, _path: str) -> dict[str, Any]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.nonsense:
            self.nonsense = False
            return {"spec": {"holderIdentity": "somebody"}}
        if self.stored is None:
            raise NotFoundError("get", 404, "no Lease")
        return self.stored

    async def create(self, _path: str, lease: dict[str, Any]) -> dict[str, Any]:
        if self.forbids:
            self.forbids = False
            raise ClusterError("create", 403, "no such right")
        return self._store(lease)

    async def replace(self, _path: str, lease: dict[str, Any]) -> dict[str, Any]:
        if lease["metadata"]["resourceVersion"] != str(self.version):
            raise ConflictError("replace", 409, "changed meanwhile")
        return self._store(lease)

    async def close(self) -> None:
        """Nothing is open."""

    def _store(self, lease: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.stored = {**lease, "metadata": {**lease["metadata"], "resourceVersion": str(self.version)}}
        return self.stored


@pytest.fixture
def server() -> OneLease:
    return OneLease()


@pytest.fixture
def settings() -> OperatorSettings:
    return OperatorSettings(namespace="n", pipeline_image="i", lease_duration_s=DURATION_S, lease_renew_s=0.1)


@pytest.fixture
def lease(server: OneLease, settings: OperatorSettings) -> Lease:
    cluster: Any = server
    return Lease(cluster, settings)


async def test_it_is_given_up_before_it_expires_while_its_renewal_gets_no_answer(
    server: OneLease, lease: Lease
) -> None:
    await lease.acquire()
    server.hangs = True
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(lease.keep(), 3 * DURATION_S)
    assert lease.is_held, "it was given up after it may have gone to another operator"


async def test_it_is_not_given_up_while_it_is_renewed(lease: Lease) -> None:
    await lease.acquire()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease.keep(), 2 * DURATION_S)
    assert lease.is_held


async def test_a_container_that_is_started_again_in_its_pod_holds_it_at_once(
    server: OneLease, settings: OperatorSettings
) -> None:
    cluster: Any = server
    first, again, other = (
        Lease(cluster, settings.model_copy(update={"pod_uid": uid, "lease_duration_s": 600.0})) for uid in "aab"
    )
    await first.acquire()
    await asyncio.wait_for(again.acquire(), 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(other.acquire(), 1)
    assert again.is_held
    assert not other.is_held


async def test_another_holder_ends_it_at_once(server: OneLease, lease: Lease) -> None:
    await lease.acquire()
    assert server.stored is not None
    server.stored["spec"]["holderIdentity"] = "another"
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(lease.keep(), DURATION_S)
    with pytest.raises(LeaseLostError):
        lease.check()


async def test_a_lease_that_may_not_be_created_is_logged_with_the_reason(
    server: OneLease, lease: Lease, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ecg_operator.runtime.lease._POLL_S", 0.01)
    server.forbids = True
    await asyncio.wait_for(lease.acquire(), 10)
    [refused] = [record for record in caplog.records if record.message == "lease_not_renewed"]
    assert "403: no such right" in vars(refused)["error"]


async def test_what_goes_wrong_while_it_is_awaited_is_logged_and_it_is_asked_for_again(
    server: OneLease, lease: Lease, settings: OperatorSettings,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    async def beat() -> None:
        await asyncio.Event().wait()

    given: Any = SimpleNamespace(
        lease=lease, cluster=server, health=SimpleNamespace(beat=beat), metrics=SimpleNamespace(serve=lambda _port: 0)
    )
    led: list[bool] = []

    async def lead(given: Any, stop: asyncio.Event) -> None:
        led.append(given.lease.is_held)
        stop.set()

    async def connect(_settings: OperatorSettings) -> Any:
        return given

    monkeypatch.setattr(main, "serve_health", lambda _port, _health: 0)
    monkeypatch.setattr(main, "_lead", lead)
    monkeypatch.setattr(main, "_PAUSE_S", 0.01)
    server.nonsense = True
    with caplog.at_level(logging.INFO):
        await asyncio.wait_for(main.operate(settings, connect), 10)
    assert led == [True]
    assert caplog.messages.count("lease_not_acquired") == 1
