"""The operator and its pods have nothing but the rights that the chart gives them, and a whole job runs."""

from pathlib import Path

from support import chart
from support.cluster_jobs import TERMINAL
from support.control_plane.played import played_kubelet
from support.operator_process import OperatorProcess
from support.played_pipeline import work
from support.receiver import Receiver
from support.release import Release
from support.waiting import wait_until


def _operator(release: Release, folder: Path) -> OperatorProcess:
    config = folder / "pods.json"
    config.write_text(chart.pod_config(chart.render(release=release.name), release.name))
    kubeconfig = release.plane.kubeconfig_for(release.token("operator"), release.namespace)
    given = {"PIPELINE_SERVICE_ACCOUNT": f"{release.name}-pipeline", "LEASE_NAME": f"{release.name}-operator"}
    return OperatorProcess(
        release.plane, release.namespace, folder, kubeconfig=kubeconfig, POD_CONFIG_FILE=str(config), **given
    )


def test_a_whole_job_runs(release: Release, tmp_path: Path) -> None:
    name, jobs = "under-the-charts-rules", release.videojobs
    with (
        Receiver() as backend,
        _operator(release, tmp_path) as operator,
        played_kubelet(release.plane, release.namespace, work),
    ):
        operator.wait_for_log("in_sync")
        jobs.create(name, backend.url)
        jobs.wait_for_condition(name, "CallbackDelivered", "True", "Delivered")
        wait_until(lambda: "Completed" in [reason for reason, _ in jobs.events(name)], 10)
    assert [request.mark for request in backend.requests] == TERMINAL
    assert "forbidden" not in operator.log.read_text().lower()
