"""The operator and its pods have nothing but the rights that the chart gives them, and a whole job runs."""

from pathlib import Path

from support.cluster_jobs import TERMINAL
from support.control_plane.played import played_kubelet
from support.played_pipeline import work
from support.receiver import Receiver
from support.release import Release
from support.waiting import wait_until


def test_a_whole_job_runs(release: Release, tmp_path: Path) -> None:
    name, jobs = "under-the-charts-rules", release.videojobs
    with (
        Receiver() as backend,
        release.operator(tmp_path) as operator,
        played_kubelet(release.plane, release.namespace, work),
    ):
        operator.wait_for_log("in_sync")
        jobs.create(name, backend.url)
        jobs.wait_for_condition(name, "CallbackDelivered", "True", "Delivered")
        wait_until(lambda: "Completed" in [reason for reason, _ in jobs.events(name)], 10)
    assert [request.mark for request in backend.requests] == TERMINAL
    assert "forbidden" not in operator.log.read_text().lower()
