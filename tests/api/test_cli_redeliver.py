"""`ecg redeliver` against the application on a real HTTP server."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ecg_api.http.app import create_app
from ecg_api.ports import JobState
from ecg_api.settings import Settings
from ecg_contract.wire.status import CallbackView
from support.fake_store import FakeStore
from support.live_server import live_server
from support.submissions import submission


@pytest.fixture
def server(store: FakeStore, settings: Settings) -> Iterator[str]:
    undelivered = CallbackView(state="undelivered", tries=91, last_error="connection refused")

    async def prepare() -> None:
        for job_id in ("a/b", "fresh"):
            await store.submit(submission(job_id))
        await store.move("a/b", JobState.FAILED, callback=undelivered)

    asyncio.run(prepare())
    with live_server(create_app(settings, store, redelivery=store)) as url:
        yield url


def _ecg(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg_api.cli", "redeliver", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_undelivered_are_listed_and_sent_again(server: str) -> None:
    assert _ecg("--server", server).stdout == "a/b  failed  91 tries  connection refused\n"
    assert _ecg("a/b", "--server", server).stdout == "a/b: failed, callback pending\n"
    assert _ecg("--server", server).stdout.startswith("every final callback was delivered")


@pytest.mark.parametrize(
    ("job_id", "reason"), [("fresh", "no terminal callback to deliver"), ("nobody", "there is no job with this id")]
)
def test_what_cannot_be_sent_again_says_why(server: str, job_id: str, reason: str) -> None:
    done = _ecg(job_id, "--server", server)
    assert done.returncode == 1
    assert reason in done.stderr


def test_a_server_that_is_down_is_said_to_be(server: str) -> None:
    done = _ecg("--server", "http://127.0.0.1:9")
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)
