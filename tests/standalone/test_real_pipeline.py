"""The server with the real pipeline and the demo models: loaded models are kept, processes are killed at work."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_dev.waiting import wait_until
from support.media_server import MediaServer, Reply
from support.pipeline_process import ROOT, demo_environment
from support.receiver import ALL_SEVEN, Receiver
from support.server_process import ServerProcess, is_alive, kill_9

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def backend() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def video() -> Iterator[str]:
    with MediaServer() as media:
        media.serve("/meeting.mp4", Reply(body=(ROOT / "demo/samples/meeting_en.mp4").read_bytes()))
        yield f"{media.url}/meeting.mp4"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, backend: Receiver) -> Iterator[ServerProcess]:
    environment = demo_environment(BACKEND_URL=backend.url, FETCH_ALLOW="127.0.0.1")
    with ServerProcess(tmp_path_factory.mktemp("server"), environment) as started:
        yield started.start()


def pids(server: ServerProcess) -> list[int]:
    """The processes that analyze, in the order of their start."""
    return [x["pid"] for x in server.log_lines() if x["event"] == "pipeline_ready" and x["mode"] == "analyze"]


def models_loaded(server: ServerProcess, job_id: str) -> int:
    return sum(line["event"] == "model_loaded" and line.get("job_id") == job_id for line in server.log_lines())


def test_once_the_server_is_ready_no_job_loads_a_model(
    server: ServerProcess, video: str, backend: Receiver, figure: Callable[[str], None]
) -> None:
    wait_until(lambda: server.client.get("/health/ready").status_code == 200, PATIENCE_S, server.last_words)
    assert any(line["event"] == "model_loaded" for line in server.log_lines())
    seconds = {}
    for job_id in ("cold", "warm"):
        began = time.monotonic()
        server.post(job_id, video, language="en")
        server.wait_for(job_id, "completed", PATIENCE_S)
        seconds[job_id] = time.monotonic() - began
    figure(f"20 s of video through the server: first {seconds['cold']:.1f} s, then {seconds['warm']:.1f} s")
    assert models_loaded(server, "cold") == 0
    assert models_loaded(server, "warm") == 0
    backend.wait_for(lambda got: [r.mark for r in got if r.json["job_id"] == "warm"] == ALL_SEVEN)


def test_a_url_is_transcribed_while_its_client_waits(server: ServerProcess, video: str) -> None:
    answer = server.client.post("/transcribe", json={"video_url": video}, timeout=PATIENCE_S).json()
    assert answer["success"], answer
    assert answer["segments"][0]["words"]


def test_kill_9_of_the_pipeline_at_work_costs_one_attempt(server: ServerProcess, video: str, backend: Receiver) -> None:
    server.post("killed", video, language="en")
    wait_until(lambda: server.job("killed")["progress"] >= 40, PATIENCE_S)
    kill_9(pids(server)[-1])
    assert server.wait_for("killed", "completed", PATIENCE_S)["attempt"] == 2
    backend.wait_for(lambda got: [r.mark for r in got if r.json["job_id"] == "killed"] == ALL_SEVEN, 30)


def test_kill_9_of_the_server_at_work_loses_nothing(server: ServerProcess, video: str, backend: Receiver) -> None:
    server.post("survivor", video, language="en")
    wait_until(lambda: server.job("survivor")["progress"] >= 40, PATIENCE_S)
    pid = pids(server)[-1]
    server.kill()
    wait_until(lambda: not is_alive(pid), 5.0)
    server.start()
    assert server.wait_for("survivor", "completed", PATIENCE_S)["attempt"] == 2
    got = backend.wait_for(lambda got: any(r.json["job_id"] == "survivor" and r.mark == ALL_SEVEN[-1] for r in got), 30)
    marks = [r.mark for r in got if r.json["job_id"] == "survivor"]
    assert list(dict.fromkeys(marks)) == ALL_SEVEN


def test_cancelling_ends_the_real_work(server: ServerProcess, video: str) -> None:
    server.post("unwanted", video, language="en")
    wait_until(lambda: server.job("unwanted")["progress"] >= 25, PATIENCE_S)
    pid = pids(server)[-1]
    assert server.client.delete("/jobs/unwanted").status_code == 204
    wait_until(lambda: not is_alive(pid))


def test_the_log_tells_a_job_s_whole_story(server: ServerProcess, video: str) -> None:
    def lines() -> list[dict[str, Any]]:
        return [line for line in server.log_lines() if line.get("job_id") == "told"]

    server.post("told", video, language="en")
    server.wait_for("told", "completed", PATIENCE_S)
    steps = {"attempt_started", "attempt_ended", "job_completed", "callback_delivered"}
    wait_until(lambda: steps <= {line["event"] for line in lines()}, what=server.last_words)
    assert lines()[0]["event"] == "job_submitted"
    parts = [line for line in lines() if line["event"] == "stage_completed"]
    assert {x["stage"] for x in parts} == {"vad", "diarization", "recognition", "alignment", "emotion", "features"}
    assert all(x["audio_seconds"] == parts[0]["audio_seconds"] > 20 for x in parts)
    assert server.job("told")["part_seconds"] == {x["stage"]: x["seconds"] for x in parts}


def test_a_server_without_its_model_is_not_ready_and_says_which_it_lacks(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, demo_environment(ASR_MODEL="/nope")) as lacking:
        lacking.start()
        loading = lacking.client.get("/health/ready")
        assert (loading.status_code, loading.json()["ready"]) == (503, False)
        wait_until(lambda: "/nope" in lacking.client.get("/health/ready").text, PATIENCE_S, lacking.last_words)
        lacks = lacking.client.get("/health/ready")
        assert lacks.status_code == 503
        assert [reason.partition(": ")[2].split(":")[0] for reason in lacks.json()["missing"]] == ["Whisper /nope"]


def test_without_eager_models_the_server_is_ready_before_any_model_is_loaded(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, demo_environment(ASR_MODEL="/nope", EAGER_MODELS="false")) as lazy:
        lazy.start()
        wait_until(lambda: lazy.client.get("/health/ready").status_code == 200, PATIENCE_S, lazy.last_words)
        assert lazy.client.get("/health/ready").json() == {"ready": True, "missing": []}
