"""Restarts, kills and upgrades of operator and API: no job and no callback is lost."""

import threading
from collections.abc import Callable

import httpx
import pytest

from ecg_contract.stages import Stage
from ecg_dev.waiting import wait_until
from support.faults import VALUES, Jobs, jobs, release
from support.installed import Installed

__all__ = ["jobs", "release"]
pytestmark = pytest.mark.faults


@pytest.mark.parametrize("stage", list(Stage)[:-1])
def test_an_operator_killed_in_any_stage_loses_no_callback(release: Installed, jobs: Jobs, stage: str) -> None:
    jobs.post(f"in-{stage}")
    release.wait_for_stage(f"in-{stage}", stage)
    release.kubectl("delete", release.pods("operator")[0], "--grace-period=0", "--force", "--wait=false")
    jobs.completes(f"in-{stage}", attempt=1)


def test_an_api_killed_between_store_and_answer_loses_nothing(release: Installed, jobs: Jobs) -> None:
    (pod,) = release.pods("api")
    address = release.kubectl("get", pod, "-o", "jsonpath={.status.podIP}")
    rule = ("OUTPUT", "-p", "tcp", "--sport", "6443", "-d", address, "-j", "DROP")
    failed: list[Exception] = []

    def post() -> None:
        try:
            jobs.post("unanswered")
        except (httpx.HTTPError, AssertionError) as error:
            failed.append(error)

    # The request reaches the API server; the response is dropped.
    release.node.machine.run("iptables", "-w", "-I", *rule)
    try:
        posting = threading.Thread(target=post)
        posting.start()
        wait_until(lambda: release.videojobs.exists("unanswered"), 20)
        release.kubectl("delete", pod, "--grace-period=0", "--force", "--wait=false")
        posting.join(60)
        assert failed, "the client got an answer"
    finally:
        release.node.machine.run("iptables", "-w", "-D", *rule)
    wait_until(release.answers, 60)
    jobs.post("unanswered")
    jobs.completes("unanswered", attempt=1)
    assert release.videojobs.get("unanswered")["spec"]["run"] == 1


def test_an_upgrade_during_a_job_costs_nothing(release: Installed, jobs: Jobs) -> None:
    jobs.post("upgraded")
    release.wait_for_stage("upgraded", "vad")
    before = release.pods("operator")[0]
    release.upgrade({**VALUES, "operator": {"logLevel": "WARNING"}})
    assert release.pods("operator")[0] != before
    jobs.completes("upgraded", attempt=1)


def test_uninstalling_leaves_nothing_stuck(release: Installed, jobs: Jobs, figure: Callable[[str], None]) -> None:
    """With a running job and finished ones. Must be the last test here: it uninstalls the release."""
    figure("VideoJobs of this release at its end:\n" + release.kubectl("get", "videojobs"))
    jobs.post_held("orphan")
    release.wait_for_stage("orphan", "download")
    release.uninstall()
    instance = f"app.kubernetes.io/instance={release.name}"
    kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
    assert release.kubectl("get", kinds, f"--selector={instance}", "-o", "name") == ""
    release.kubectl("delete", "videojobs", "--all", "--timeout=60s")
    wait_until(lambda: not release.videojobs.objects("pods"), 60, lambda: release.kubectl("get", "pods"))
    assert not release.videojobs.jobs()
