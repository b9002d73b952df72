"""The times of promise 10: from a fault, or its end, until a new VideoJob has its Job."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from judged import BrokenError
from proof_progress import figure

from ecg_cluster import paths
from ecg_dev.control_plane.server import ControlPlane, running_control_plane
from ecg_dev.waiting import wait_until
from support.cluster_jobs import VideoJobs
from support.control_plane import make_namespace, prepare
from support.disturbing_proxy import DisturbingProxy
from support.operator_process import OperatorProcess
from support.played_kubelet import client, now

PRODUCTION = {"RESYNC_S": "30", "LEASE_DURATION_S": "20", "LEASE_RENEW_S": "5", "WATCH_LAG_LIMIT_S": "15"}
"""The defaults: the tests' short times prove nothing here."""
LIMIT_S = 120.0
"""Promise 10: 90 s until it has restarted, 30 s for what changed meanwhile."""


def main(_seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, running_control_plane(Path(folder)) as plane:
        prepare(plane)
        make_namespace(plane, "prove-recovery")
        took = _measured(plane, Path(folder))
    for what, seconds in took.items():
        figure(f"{what}: a new VideoJob had its Job after {seconds:.1f} s (promised: {LIMIT_S:.0f})")
    if late := [what for what, seconds in took.items() if seconds > LIMIT_S]:
        raise BrokenError(f"too late: {', '.join(late)}")


def _measured(plane: ControlPlane, folder: Path) -> dict[str, float]:
    videojobs = VideoJobs(plane, "prove-recovery")
    took: dict[str, float] = {}

    def measure(what: str, name: str, fault: Callable[[], float]) -> None:
        began = fault()
        videojobs.create(name)
        wait_until(lambda: _has_job(videojobs, name), 3 * LIMIT_S, operator.last_words)
        took[what] = time.monotonic() - began

    with DisturbingProxy(plane) as proxy:
        environment = {"KUBECONFIG": str(proxy.kubeconfig(folder)), **PRODUCTION}
        with OperatorProcess(plane, "prove-recovery", folder, **environment) as operator:
            operator.wait_for_log("in_sync", timeout=60)
            measure("no fault", "none", time.monotonic)
            measure("another holder of the Lease, which never renews it", "held", lambda: _take_lease(plane, operator))
            measure("the Lease deleted", "deleted", lambda: _delete_lease(plane))
            measure("the API server back after 30 s", "outage", lambda: _outage(plane))
            measure("watches that bring nothing", "deaf", lambda: _deafen(proxy))
    return took


def _has_job(videojobs: VideoJobs, name: str) -> bool:
    return any(job["metadata"]["name"].startswith(f"{name}-") for job in videojobs.jobs())


def _take_lease(plane: ControlPlane, operator: OperatorProcess) -> float:
    """Returns when the operator has noticed; the time counts from the fault."""
    began = time.monotonic()
    spec = {"holderIdentity": "another", "renewTime": now()[:-1][:26] + "Z", "leaseDurationSeconds": 20}
    headers = {"content-type": "application/merge-patch+json"}
    with client(plane) as admin:
        path = paths.leases("prove-recovery", "ecg-operator")
        admin.patch(path, json={"spec": spec}, headers=headers).raise_for_status()
    operator.wait_for_log("run_ended")
    return began


def _delete_lease(plane: ControlPlane) -> float:
    with client(plane) as admin:
        admin.delete(paths.leases("prove-recovery", "ecg-operator")).raise_for_status()
    return time.monotonic()


def _outage(plane: ControlPlane) -> float:
    """The time counts from the start of the new API server."""
    plane.kill_api_server()
    time.sleep(30)  # the fault itself
    began = time.monotonic()
    plane.start_api_server()
    return began


def _deafen(proxy: DisturbingProxy) -> float:
    """The watches that run bring nothing more; those that are opened later do."""
    proxy.deafen()
    return time.monotonic()
