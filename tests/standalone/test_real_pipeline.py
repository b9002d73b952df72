"""The server with the real pipeline and the demo models, killed and cancelled in the middle of real work."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.media_server import MediaServer, Reply
from support.pipeline_process import ROOT, demo_environment
from support.receiver import Receiver
from support.server_process import ServerProcess, is_alive, kill_9, wait_until

LOADING_S = 150.0
VIDEO = "/meeting_en.mp4"


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with MediaServer() as server:
        server.serve(VIDEO, Reply(body=(ROOT / "demo/samples/meeting_en.mp4").read_bytes()))
        yield server


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def server(tmp_path: Path, backend: Receiver) -> Iterator[ServerProcess]:
    environment = demo_environment(FETCH_ALLOW="127.0.0.1", BACKEND_URL=backend.url)
    with ServerProcess(tmp_path, environment) as process:
        yield process.start()


def told(server: ServerProcess, event: str, **fields: object) -> list[dict[str, Any]]:
    """The log lines of an event."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event and fields.items() <= line.items()]


def pid_of(server: ServerProcess, job_id: str) -> int:
    return int(told(server, "attempt_started", job_id=job_id)[-1]["pid"])


def reached(backend: Receiver, job_id: str, progress: int) -> None:
    backend.wait_for(lambda got: any(r.json["job_id"] == job_id and r.mark[1] == progress for r in got), LOADING_S)


def test_work_outlives_kill_9_of_the_server_and_of_its_pipeline(
    server: ServerProcess, backend: Receiver, media: MediaServer
) -> None:
    server.post("j", media.url + VIDEO)
    reached(backend, "j", 25)
    orphan = pid_of(server, "j")
    server.kill()
    wait_until(lambda: not is_alive(orphan), 5.0)
    server.start()
    wait_until(lambda: len(told(server, "attempt_started", job_id="j")) == 2, LOADING_S)
    kill_9(pid_of(server, "j"))
    assert server.wait_for("j", "completed", LOADING_S)["attempt"] == 3
    backend.wait_for(lambda got: bool(got) and got[-1].mark == ("completed", 100))
    assert len({r.headers["webhook-id"] for r in backend.requests}) == 7
    assert (server.client.get("/jobs/j/result").json())["segments"]
    _a_second_job_finds_its_models_loaded(server, media)
    _deleting_ends_the_work_within_two_seconds(server, backend, media)


def _a_second_job_finds_its_models_loaded(server: ServerProcess, media: MediaServer) -> None:
    loaded = len(told(server, "model_loaded"))
    assert loaded > 0
    server.post("second", media.url + VIDEO)
    server.wait_for("second", "completed", LOADING_S)
    assert pid_of(server, "second") == pid_of(server, "j")
    assert len(told(server, "model_loaded")) == loaded


def _deleting_ends_the_work_within_two_seconds(server: ServerProcess, backend: Receiver, media: MediaServer) -> None:
    server.post("third", media.url + VIDEO)
    reached(backend, "third", 10)
    began = time.monotonic()
    assert server.client.delete("/jobs/third").status_code == 204
    wait_until(lambda: not is_alive(pid_of(server, "third")), 2.0)
    assert time.monotonic() - began < 2.0
    assert server.job("third")["status"] == 404
