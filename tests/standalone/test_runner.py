"""Every way an attempt can end, in a real server with a real child process."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecg_api.standalone.child import STOP_GRACE_S
from ecg_dev.waiting import wait_until
from support.receiver import ALL_SEVEN, Receiver
from support.server_process import is_alive, kill_9
from support.standalone import STAGES, Serve, up_to

VIDEO = "https://example.com/v.mp4"


def test_a_job_is_done_and_the_seven_callbacks_arrive(serve: Serve, backend: Receiver) -> None:
    server, _ = serve()
    assert server.post("j", VIDEO).json()["status"] == "processing"
    got = backend.wait_for(lambda got: len(got) == 7)
    assert [r.mark for r in got] == ALL_SEVEN
    assert got[-1].json["result"]["text"] == "j"
    assert server.wait_for("j", "completed")["attempt"] == 1


def test_jobs_share_one_warm_process(serve: Serve) -> None:
    server, pipeline = serve()
    for job_id in ("a", "b", "c"):
        server.post(job_id, VIDEO)
        server.wait_for(job_id, "completed")
    assert len(pipeline.pids()) == 1


@pytest.mark.parametrize("end", ["exit:1", "exit:-9", "exit:134", "exit:143", "no-result", "gpu-memory", "exit:0"])
def test_a_bad_end_costs_one_attempt_and_the_next_completes(serve: Serve, end: str) -> None:
    server, pipeline = serve(["stage:download", "stage:vad", end], [])
    server.post("j", VIDEO)
    assert server.wait_for("j", "completed")["attempt"] == 2
    assert len(pipeline.attempts("j")) == 2


@pytest.mark.parametrize("end", ["gpu-memory", "exit:134"])
def test_after_a_failure_on_the_gpu_a_process_without_gpu_takes_the_job(serve: Serve, end: str) -> None:
    server, pipeline = serve([end], [])
    server.post("j", VIDEO)
    server.wait_for("j", "completed")
    assert [e["device"] for e in pipeline.attempts("j")] == ["auto", "cpu"]
    assert [e["gpus"] for e in pipeline.attempts("j")] == [None, ""]
    server.post("k", VIDEO)
    server.wait_for("k", "completed")
    assert pipeline.attempts("k")[0]["device"] == "auto"


def test_a_failure_is_told_with_its_code_and_message(serve: Serve, backend: Receiver) -> None:
    server, _ = serve(["fail:DOWNLOAD_ERROR"])
    server.post("j", VIDEO)
    got = backend.wait_for(lambda got: len(got) == 1)
    assert got[0].json == {
        "job_id": "j",
        "status": "failed",
        "error_message": "404 Not Found",
        "error_code": "DOWNLOAD_ERROR",
    }
    assert server.job("j")["error"] == {"code": "DOWNLOAD_ERROR", "message": "404 Not Found"}


def test_the_same_bad_end_twice_fails_the_job_and_nobody_else(serve: Serve) -> None:
    server, _ = serve(["exit:1"], ["exit:1"])
    server.post("bad", VIDEO)
    assert server.wait_for("bad", "failed")["error"]["code"] == "PROCESSING_ERROR"
    assert server.client.get("/health/ready").status_code == 200


def test_lines_that_are_no_reports_are_passed_over(serve: Serve) -> None:
    server, _ = serve(["garbage"])
    server.post("j", VIDEO)
    assert server.wait_for("j", "completed")["attempt"] == 1


@pytest.mark.parametrize("hang", ["stop", "silence"])
def test_a_silent_process_is_replaced(serve: Serve, hang: str) -> None:
    server, pipeline = serve(["stage:vad", hang], [], HEARTBEAT_LOST_S="1")
    server.post("j", VIDEO)
    assert server.wait_for("j", "completed")["attempt"] == 2
    assert not is_alive(pipeline.pids()[0])


def test_the_deadline_ends_the_job(serve: Serve) -> None:
    server, pipeline = serve(["stage:vad", "hold"], JOB_DEADLINE_S="0.5")
    server.post("j", VIDEO)
    assert server.wait_for("j", "failed")["error"]["message"] == "처리 시간이 초과되었습니다"
    wait_until(lambda: not is_alive(pipeline.pids()[0]))


@pytest.mark.parametrize("stage", STAGES)
def test_kill_9_of_the_child_in_any_stage_costs_one_attempt(serve: Serve, backend: Receiver, stage: str) -> None:
    server, pipeline = serve([*up_to(stage), "hold"], [])
    server.post("j", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    kill_9(pipeline.pids()[0])
    assert server.wait_for("j", "completed")["attempt"] == 2
    marks = [r.mark for r in backend.wait_for(lambda got: got and got[-1].mark == ("completed", 100))]
    assert marks == ALL_SEVEN


def test_deleting_a_running_job_ends_the_work_and_sends_nothing(serve: Serve, backend: Receiver) -> None:
    server, pipeline = serve(["stage:download", "hold"])
    server.post("j", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    backend.wait_for(lambda got: len(got) == 1)
    assert server.client.delete("/jobs/j").status_code == 204
    wait_until(lambda: not is_alive(pipeline.pids()[0]))
    assert server.job("j")["status"] == 404
    pipeline.release()
    server.post("next", VIDEO)
    server.wait_for("next", "completed")
    assert [r.json["job_id"] for r in backend.requests if r.json["job_id"] == "j"] == ["j"]


def test_a_frozen_process_is_ended_by_a_cancellation_too(serve: Serve) -> None:
    server, pipeline = serve(["stage:download", "stop"])
    server.post("j", VIDEO)
    wait_until(lambda: pipeline.has_done("stop"))
    server.client.delete("/jobs/j")
    wait_until(lambda: not is_alive(pipeline.pids()[0]))


def test_a_process_that_does_not_stop_is_killed_before_two_seconds_are_over() -> None:
    assert STOP_GRACE_S < 2.0  # the test above shows that the kill follows


def test_readiness_says_that_the_pipeline_does_not_start_and_jobs_wait(serve: Serve) -> None:
    server, pipeline = serve(["exit:1"], [])
    broken = Path(pipeline.environment["SCRIPT_FOLDER"]) / "broken"
    broken.touch()
    server.post("j", VIDEO)
    wait_until(lambda: server.client.get("/health/ready").status_code == 503)
    assert "pipeline process" in json.dumps(server.client.get("/health/ready").json())
    assert server.job("j")["status"] == "processing"
    broken.unlink()
    server.wait_for("j", "completed")
    assert server.client.get("/health/ready").status_code == 200


def test_a_transcription_goes_before_queued_videos_and_interrupts_none(serve: Serve) -> None:
    server, pipeline = serve(["stage:vad", "hold"])
    for job_id in ("first", "second"):
        server.post(job_id, VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(server.client.post, "/transcribe", json={"video_url": VIDEO})
        wait_until(lambda: sum(event["event"] == "fetch" for event in pipeline.seen()) == 3)
        pipeline.release()
        assert answer.result(20).status_code == 200
    server.wait_for("second", "completed")
    order = [str(e["job_id"]).partition("-")[0] for e in pipeline.seen() if e["event"] == "job"]
    assert order == ["first", "transcribe", "second"]


def test_a_graceful_stop_puts_the_job_back_uncounted(serve: Serve) -> None:
    server, pipeline = serve(["stage:vad", "hold"], [])
    server.post("j", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    assert server.stop() in (0, -signal.SIGTERM)
    assert not is_alive(pipeline.pids()[0])
    assert "job_put_back" in server.log.read_text()
    server.start()
    server.wait_for("j", "completed")


@pytest.mark.parametrize("ended_by", ["deadline", "delete"])
def test_a_job_whose_own_process_never_starts_ends_all_the_same(serve: Serve, ended_by: str) -> None:
    settings = {"JOB_DEADLINE_S": "3"} if ended_by == "deadline" else {}
    server, pipeline = serve(["hold", "exit:134"], **settings)
    server.post("j", VIDEO)
    wait_until(lambda: pipeline.has_done("hold"))
    broken = Path(pipeline.environment["SCRIPT_FOLDER"]) / "broken-for-cpu"
    broken.touch()
    pipeline.release()
    wait_until(lambda: "pipeline_did_not_start" in server.log.read_text())
    if ended_by == "delete":
        assert server.client.delete("/jobs/j").status_code == 204
        server.post("next", VIDEO)
        broken.unlink()
        server.wait_for("next", "failed")
    else:
        assert server.wait_for("j", "failed")["error"]["message"] == "처리 시간이 초과되었습니다"
