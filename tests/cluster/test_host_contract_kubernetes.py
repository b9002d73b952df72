"""The contract of every host, for the one in a cluster: VideoJobs, the operator, simulated pods."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from ecg_api.kubernetes.host import build_app
from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.settings import Settings
from ecg_contract.stages import Stage
from ecg_contract.wire.result import wire_json
from ecg_dev.control_plane.server import ControlPlane
from support.forks import Forks
from support.host_contract import DEADLINE_S, Host, HostContract, ToldHost
from support.operator_process import operator_environment
from support.played_kubelet import PlayedPod, played_kubelet
from support.played_pipeline import GoneError, PlayedPipeline
from support.s3 import BUCKET, environment, moto
from support.server_process import is_alive, kill_9
from support.wire_results import small_result

__all__ = ["moto"]


class ObedientPods:
    """Simulated pods whose jobs end as the test decides."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._changed = threading.Condition()

    def tell(self, what: str) -> None:
        with self._changed:
            self._told.append(what)
            self._changed.notify_all()

    def __call__(self, pod: PlayedPod) -> None:
        with contextlib.suppress(GoneError):  # some tests delete what runs
            self._work(pod)

    def _work(self, pod: PlayedPod) -> None:
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        if self._order(pod) == "complete":
            pipeline.complete(wire_json(small_result()))
        elif not pod.deleted.is_set():
            pipeline.fail()

    def _order(self, pod: PlayedPod) -> str:
        with self._changed:
            while not self._told and not pod.deleted.is_set():
                self._changed.wait(0.05)
            return self._told.pop(0) if self._told else "nothing"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    forks = Forks()
    yield forks
    forks.close()


@pytest.fixture
def operator(cluster: ControlPlane, namespace: str, forks: Forks, tmp_path: Path) -> Iterator[int]:
    pid = forks.fork(
        {
            **operator_environment(cluster, namespace),
            "HEALTH_PORT": "0",
            "METRICS_PORT": "0",
            "LOG": str(tmp_path / "operator.log"),
        }
    )
    yield pid
    assert is_alive(pid), (tmp_path / "operator.log").read_text()
    kill_9(pid)


@pytest.fixture
async def host(
    cluster: ControlPlane, namespace: str, operator: int, moto: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Host]:
    for name, value in {**environment(moto), "KUBECONFIG": str(cluster.kubeconfig)}.items():
        monkeypatch.setenv(name, value)
    kubernetes = KubernetesSettings(namespace=namespace, results_bucket=BUCKET)
    app = await build_app(Settings(transcribe_wait_s=DEADLINE_S), kubernetes)
    pods = ObedientPods()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t", timeout=DEADLINE_S) as client,
    ):
        with played_kubelet(cluster, namespace, pods):
            yield ToldHost(client, pods.tell)


class TestTheHostInACluster(HostContract):
    """Every test of the contract."""
