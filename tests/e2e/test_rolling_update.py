"""A rolling update of the API while clients wait for their transcriptions."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ecg_dev.waiting import wait_until
from support.faults import PATIENCE_S, release
from support.installed import Installed
from support.media_server import MediaServer

__all__ = ["release"]
pytestmark = pytest.mark.faults

WAITING = 10
PODS_S = 150.0
"""More than the API's terminationGracePeriodSeconds, which the old pod may use up."""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WAITING) as pool:
        yield pool


def _transcribe(release: Installed, url: str) -> httpx.Response:
    body = {"video_url": url, "language": "en"}
    return httpx.post(release.api.base_url.join("/transcribe"), json=body, timeout=PATIENCE_S, trust_env=False)


def _restarted(release: Installed) -> None:
    """Returns when the new API pod serves and the old one has ended."""
    (old,) = release.pods("api")
    release.kubectl("rollout", "restart", f"deployment/{release.name}-api")
    release.kubectl("rollout", "status", f"deployment/{release.name}-api", "--timeout=2m")
    wait_until(lambda: old not in release.pods("api"), PODS_S, lambda: release.kubectl("get", "pods"))


def _job_of(answer: httpx.Response) -> str:
    """The id of the job behind an answer, which is the result or says in the contract's form that the job goes on."""
    if answer.status_code == 200:
        assert answer.json()["success"], answer.text
        assert answer.json()["segments"]
        return answer.headers["x-job-id"]
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    return str(answer.json()["detail"].rpartition("/jobs/")[2])


@pytest.mark.timeout(900)
def test_a_rolling_update_of_the_api_fails_no_waiting_client_and_no_job(
    release: Installed, media: MediaServer, threads: ThreadPoolExecutor, figure: Callable[[str], None]
) -> None:
    url = f"{media.url}/meeting_en.mp4"
    asked: list[Future[httpx.Response]] = [threads.submit(_transcribe, release, url) for _ in range(WAITING)]
    wait_until(lambda: len(release.videojobs.all()) == WAITING, 30)
    assert not any(future.done() for future in asked), "all of them wait"
    _restarted(release)
    answers = [future.result() for future in asked]
    figure(f"a rolling update under {WAITING} waiting clients: {sorted(a.status_code for a in answers)}")
    videojobs = release.videojobs.all()
    assert {_job_of(answer) for answer in answers} == {v["spec"]["jobId"] for v in videojobs}
    assert {v["spec"]["cancelledRun"] for v in videojobs} == {0}
    wait_until(lambda: all(_status(release, v) == "completed" for v in videojobs), PATIENCE_S)


def _status(release: Installed, videojob: dict[str, Any]) -> str:
    """What the new API says of a job."""
    return str(release.api.get(f"/jobs/{videojob['spec']['jobId']}").json()["status"])
