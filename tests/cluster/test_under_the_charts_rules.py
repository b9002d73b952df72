"""A whole job runs with the rights and the environment that the chart gives to API, operator and pods."""

from pathlib import Path

from ecg_dev.waiting import wait_until
from support import chart
from support.played_kubelet import played_kubelet
from support.played_pipeline import RESULT, work
from support.program import environment_without
from support.receiver import ALL_SEVEN, Receiver
from support.release import Release
from support.server_process import ServerProcess

SIGNED = "https://media.example/v.mp4?X-Amz-Signature=canary"


def _api(release: Release, folder: Path) -> ServerProcess:
    rendered = chart.container_environment(chart.render(release=release.name), "api", release.name)
    own = {"NAMESPACE": release.namespace, "HOST": "127.0.0.1", "CALLBACK_ALLOW": "127.0.0.1"}
    kubeconfig = release.plane.kubeconfig_for(release.token("api"), release.namespace)
    return ServerProcess(folder, {**environment_without("AWS_"), **rendered, **own, "KUBECONFIG": str(kubeconfig)})


def test_a_whole_job_runs(release: Release, tmp_path: Path) -> None:
    job_id, jobs = "under-the-charts-rules", release.videojobs
    for left in jobs.all():  # of the tests of the policies, which share the release
        jobs.delete(left["metadata"]["name"])
    api = _api(release, tmp_path)
    with (
        Receiver() as backend,
        api,
        release.operator(tmp_path) as operator,
        played_kubelet(release.plane, release.namespace, work, only=job_id),
    ):
        api.start()
        operator.wait_for_log("in_sync")
        for _ in range(2):  # the second request finds the job and updates its Secret
            assert api.post(job_id, SIGNED, fastapi_base_url=backend.url).status_code == 200
        jobs.wait_for_condition(job_id, "CallbackDelivered", "True", "Delivered")
        assert api.client.get("/health/ready").status_code == 200
        assert api.client.get(f"/jobs/{job_id}/result").json() == RESULT
        assert api.client.delete(f"/jobs/{job_id}").is_success
        wait_until(lambda: not jobs.exists(job_id), 10)
    assert [request.mark for request in backend.requests][:7] == ALL_SEVEN
    logged = operator.log.read_text() + api.log.read_text()
    assert "forbidden" not in logged.lower()
    assert "canary" not in logged
