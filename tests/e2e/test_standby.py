"""What a standby pod saves, on real pods: the same video cold and taken by a pod that had loaded its models."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecg_dev.node.cluster import NodeCluster
from ecg_dev.waiting import wait_until
from support import s3
from support.conditions import condition, holds
from support.installed import Installed, installed
from support.media_server import MediaServer
from support.receiver import Receiver
from support.timed_job import PATIENCE_S, timed_job

SETTLED = timedelta(seconds=3)
STEPS = ("POST answered", "first report", "first callback", "result", "last callback")


@pytest.fixture(scope="module")
def values(bucket: str) -> dict[str, Any]:
    """Results go to S3, by a URL in a Secret that does not exist when a standby pod begins."""
    return s3.chart_values(bucket)


@pytest.fixture(scope="module")
def release(node: NodeCluster, values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    with installed(node, "ecg-standby", tmp_path_factory.mktemp("chart"), values) as release:
        yield release


def standby_pods(release: Installed) -> list[dict[str, Any]]:
    """Those that no job has taken, ready for some seconds: the kubelet has nothing to do with them."""
    selector = "ecg-analyzer.io/standby,ecg-analyzer.io/videojob="
    pods = json.loads(release.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
    return [pod for pod in pods if holds(pod, "Ready") and _has_settled(pod)]


def _has_settled(pod: dict[str, Any]) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(condition(pod, "Ready")["lastTransitionTime"]) > SETTLED


def timed(release: Installed, backend: Receiver, media: MediaServer, job_id: str) -> dict[str, Any]:
    """The result, with the seconds of each step; that of `presigned` has a URL with a signature."""
    signature = "?X-Amz-Signature=e2e" if job_id == "presigned" else ""
    timeline = timed_job(release, backend, job_id, f"{media.url}/meeting_en.mp4{signature}", enable_gpu=True)
    return {**release.result(job_id), "seconds": timeline.seconds}


@pytest.mark.timeout(500)
def test_a_job_begins_at_once_where_a_pod_stands_by(
    release: Installed,
    values: dict[str, Any],
    backend: Receiver,
    media: MediaServer,
    figure: Callable[[str], None],
) -> None:
    cold = timed(release, backend, media, "cold")
    release.upgrade({**values, "standby": {"gpu": 1, "languages": ["en"]}})
    runs = {"cold": cold}
    for job_id in ("standby-1", "standby-2", "standby-3", "presigned"):
        wait_until(lambda: len(standby_pods(release)) == 1, PATIENCE_S, lambda: release.kubectl("get", "pods"))
        taken = standby_pods(release)[0]["metadata"]
        runs[job_id] = timed(release, backend, media, job_id)
        assert release.videojobs.status(job_id)["attempt"]["podUID"] == taken["uid"]
        assert runs[job_id]["text"] == cold["text"]
        assert runs[job_id]["seconds"]["first callback"] < cold["seconds"]["first callback"]
    figure("seconds after the POST  " + "".join(f"{name:>12}" for name in runs))
    for step in STEPS:
        figure(f"{step:24}" + "".join(f"{run['seconds'][step]:12.2f}" for run in runs.values()))
    own = (run["metadata"]["processing_time"] for run in runs.values())
    figure(f"{'processing time alone':24}" + "".join(f"{seconds:12.2f}" for seconds in own))


def test_the_policies_refuse_forged_claims(release: Installed, figure: Callable[[str], None]) -> None:
    output = release.test()
    assert output.count("Succeeded") == 2, output


def test_no_pod_stays_when_the_release_goes(release: Installed) -> None:
    wait_until(lambda: len(standby_pods(release)) == 1, PATIENCE_S)
    release.uninstall()
    wait_until(lambda: not release.kubectl("get", "jobs", "-o", "name", "-l", "ecg-analyzer.io/videojob="), 60)
