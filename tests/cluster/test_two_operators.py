"""Two operators never act at the same time, also when one of them is cut off or was paused."""

import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from ecg_contract.stages import Stage
from ecg_dev.control_plane.server import ControlPlane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.operator_process import OperatorProcess
from support.played_kubelet import PlayedPod, client, played_kubelet
from support.played_pipeline import PlayedPipeline, work
from support.receiver import ALL_SEVEN, HANG, Answer, Receiver, marks
from support.tcp_relay import TcpRelay

LEASE = {"LEASE_DURATION_S": "6", "LEASE_RENEW_S": "1"}


@pytest.fixture
def relay(cluster: ControlPlane) -> Iterator[TcpRelay]:
    port = urlsplit(cluster.url).port
    assert port
    with TcpRelay(port) as opened:
        yield opened


def _kubeconfig(cluster: ControlPlane, relay: TcpRelay, folder: Path) -> str:
    path = folder / "kubeconfig-of-the-relay"
    path.write_text(cluster.kubeconfig.read_text().replace(f":{urlsplit(cluster.url).port}", f":{relay.port}"))
    return str(path)


def _time(line: dict[str, str]) -> datetime:
    return datetime.fromisoformat(line["time"])


def test_an_operator_that_is_cut_off_stops_before_the_next_one_acts(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, relay: TcpRelay, tmp_path: Path
) -> None:
    """Its callback in flight, to a backend that hangs, is given up too."""
    backend.script(HANG)
    cut_off = {"KUBECONFIG": _kubeconfig(cluster, relay, tmp_path)}
    with (
        OperatorProcess(cluster, namespace, tmp_path, **LEASE, **cut_off) as first,
        played_kubelet(cluster, namespace, work),
    ):
        first.wait_for_log("in_sync")
        with OperatorProcess(cluster, namespace, tmp_path, **LEASE) as second:
            second.wait_for_log("lease_awaited")
            videojobs.create("j", backend.url)
            backend.wait_for(lambda got: len(got) == 1, 30)
            relay.black_hole()
            acquired = second.wait_for_log("lease_acquired")
            videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
        ended = first.wait_for_log("run_ended")
        assert _time(ended) < _time(acquired), "it had let go of everything"
        relay.heal()
        first.wait_for_log("lease_acquired", times=2)
        first.wait_for_log("in_sync", times=2)
    delivered = [request.headers["webhook-id"] for request in backend.requests[1:]]
    assert len(set(delivered)) == len(delivered) == 7, "the second one sent each once, and the first one nothing more"


def _fails(pod: PlayedPod) -> None:
    pipeline = PlayedPipeline(pod)
    pod.run()
    pipeline.fail()


def test_an_operator_that_was_paused_past_its_lease_sends_nothing_again(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, relay: TcpRelay, tmp_path: Path
) -> None:
    """When it goes on, a callback that failed is due, and its watches have not told it yet who delivered that."""
    backend.script(Answer(500))
    frozen = {"KUBECONFIG": _kubeconfig(cluster, relay, tmp_path)}
    with (
        OperatorProcess(cluster, namespace, tmp_path, **LEASE, **frozen) as first,
        played_kubelet(cluster, namespace, _fails),
    ):
        first.wait_for_log("in_sync")
        videojobs.create("j", backend.url)
        videojobs.wait_for_condition("j", "CallbackDelivered", "Unknown", "Retrying")
        relay.black_hole()
        first.process.send_signal(signal.SIGSTOP)
        with OperatorProcess(cluster, namespace, tmp_path, **LEASE):
            videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
            sent = len(backend.requests)
            first.process.send_signal(signal.SIGCONT)
            first.wait_for_log("run_ended")
            relay.heal()
            first.wait_for_log("lease_awaited")
        assert len(backend.requests) == sent


def test_an_object_that_is_no_lease_is_waited_for_and_nothing_is_done_without_one(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, tmp_path: Path
) -> None:
    with client(cluster) as admin:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        lease = {
            "metadata": {"name": "ecg-operator"},
            "spec": {"holderIdentity": "other", "leaseDurationSeconds": 3600},
        }
        admin.post(path, json=lease).raise_for_status()
    with OperatorProcess(cluster, namespace, tmp_path, **LEASE) as operator:
        operator.wait_for_log("lease_awaited")
        videojobs.create("j")
        assert httpx.get(f"http://127.0.0.1:{operator.health_port}/readyz", trust_env=False).status_code == 503
        with client(cluster) as admin:
            admin.delete(f"{path}/ecg-operator").raise_for_status()
        wait_until(videojobs.jobs, 30)


def test_an_operator_that_is_told_to_stop_lets_the_callback_in_flight_end(
    cluster: ControlPlane, namespace: str, videojobs: VideoJobs, backend: Receiver, tmp_path: Path
) -> None:
    """The backend takes longer than kopf would wait; what it acknowledged is not sent again."""
    backend.script(Answer(200, delay_s=8))
    stopped = threading.Event()

    def work_on_later(pod: PlayedPod) -> None:
        """Its end would give the first callback up."""
        pipeline = PlayedPipeline(pod)
        pod.run()
        pipeline.reach(Stage.DOWNLOAD)
        assert stopped.wait(60)
        pipeline.work_while_running()

    with (
        OperatorProcess(cluster, namespace, tmp_path, **LEASE) as first,
        played_kubelet(cluster, namespace, work_on_later),
    ):
        first.wait_for_log("in_sync")
        videojobs.create("j", backend.url)
        backend.wait_for(lambda got: len(got) == 1, 30)
        assert first.stop(30) == 0
        stopped.set()
        assert videojobs.status("j")["callbacks"]["acknowledged"] == 10, "it was recorded"
        with OperatorProcess(cluster, namespace, tmp_path, **LEASE):
            videojobs.wait_for_condition("j", "CallbackDelivered", "True", "Delivered")
    assert marks(backend.requests) == ALL_SEVEN
