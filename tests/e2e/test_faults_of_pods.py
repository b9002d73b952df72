"""Failing pods and nodes: jobs complete in another attempt."""

import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from ecg_dev.node.cluster import NODE
from ecg_dev.node.containers import frozen, processes, shim_of
from ecg_dev.waiting import wait_until
from support.faults import VALUES, Jobs, jobs, release
from support.installed import Installed
from support.media_server import Reply, endless

__all__ = ["jobs", "release"]
pytestmark = pytest.mark.faults
PIPELINE = "ecg_pipeline"


def test_a_deleted_pod_costs_an_attempt_that_nobody_sees(release: Installed, jobs: Jobs) -> None:
    jobs.post_held("deleted")
    release.wait_for_stage("deleted", "download")
    release.kubectl("delete", "pod", release.wait_for_attempt("deleted", 1)["podName"], "--wait=false")
    jobs.completes("deleted", attempt=2)


def test_a_drained_node_costs_an_attempt_that_nobody_sees(release: Installed, jobs: Jobs) -> None:
    jobs.post_held("drained")
    release.wait_for_stage("drained", "download")
    pods = "--pod-selector=app.kubernetes.io/component=pipeline"
    release.kubectl("drain", NODE, pods, "--delete-emptydir-data", "--force", "--timeout=60s")
    release.kubectl("uncordon", NODE)
    jobs.completes("drained", attempt=2)


def test_a_frozen_container_is_replaced_and_refused_when_it_thaws(
    release: Installed, jobs: Jobs, figure: Callable[[str], None]
) -> None:
    jobs.post_held("frozen")
    release.wait_for_stage("frozen", "download")
    (pid,) = processes(release.wait_for_attempt("frozen", 1)["podUID"], PIPELINE)
    # The shim, which would kill it, is frozen too, so that the process continues as after an outage of its node.
    with frozen(shim_of(pid)):
        with frozen(pid):
            began = time.monotonic()
            release.wait_for_attempt("frozen", 2, timeout=90)
            figure(f"a frozen container was replaced after {time.monotonic() - began:.0f} s of silence (limit 30 s)")
            refused = refusals(release)
        wait_until(lambda: refusals(release) > refused, 60, lambda: "the zombie was not refused")
        figure(f"the thawed zombie was refused {refusals(release) - refused:.0f} times")
        jobs.completes("frozen", attempt=2)


def refusals(release: Installed) -> float:
    """The API server's count of 401 responses, and of 422 responses to writes of a VideoJob's status."""
    metrics = (release.node.get("/metrics") or b"").decode()
    counted = re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", metrics, re.MULTILINE)
    wanted = [
        float(number)
        for labels, number in counted
        if 'code="401"' in labels or ('code="422"' in labels and 'resource="videojobs"' in labels)
    ]
    return sum(wanted)


def test_a_killed_process_costs_an_attempt_that_nobody_sees(release: Installed, jobs: Jobs) -> None:
    jobs.post_held("killed")
    release.wait_for_stage("killed", "download")
    (pid,) = processes(release.wait_for_attempt("killed", 1)["podUID"], PIPELINE)
    os.kill(pid, signal.SIGKILL)
    jobs.completes("killed", attempt=2)


def test_an_api_server_that_is_away_costs_nothing(release: Installed, jobs: Jobs) -> None:
    """API server and etcd are down for 30 s while the pod works."""
    machine = release.node.machine
    jobs.post("away")
    release.wait_for_stage("away", "vad")
    machine.kill("kube-apiserver")
    machine.kill("etcd")
    time.sleep(30)  # the length of the outage
    machine.restart("etcd")
    release.node.start_api_server()
    jobs.completes("away", attempt=1)


def test_a_disk_limit_is_tried_once_more_and_then_named(
    release: Installed, jobs: Jobs, figure: Callable[[str], None]
) -> None:
    requests = {"cpu": "100m", "memory": "1Gi", "ephemeral-storage": "10Mi"}
    limited = {"requests": requests, "limits": {"ephemeral-storage": "30Mi"}}
    release.upgrade({**VALUES, "pipeline": {**VALUES["pipeline"], "gpu": {"resources": limited}}})
    jobs.post("full", Reply(pieces=endless(b"x" * (1 << 20)), pause_s=0.1, declared=None))
    message = jobs.fails("full")
    figure(f"disk limit: {message}")
    assert "disk" in message
    assert release.videojobs.status("full")["attempt"]["number"] == 2
