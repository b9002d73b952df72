"""The caller's trace on one machine: from the request's header to log lines and callbacks."""

from ecg_dev.waiting import wait_until
from support.receiver import Receiver
from support.standalone import Serve

VIDEO = "https://example.com/v.mp4"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_callbacks_and_log_lines_belong_to_the_trace_of_the_request(serve: Serve, backend: Receiver) -> None:
    server, pipeline = serve(["exit:-9"], [])  # the second attempt belongs to it, too
    server.client.headers["traceparent"] = TRACEPARENT
    server.post("j", VIDEO)
    server.wait_for("j", "completed")
    backend.wait_for(lambda _: len(backend.of("j")) == 7)
    assert {request.headers.get("traceparent") for request in backend.of("j")} == {TRACEPARENT}
    wait_until(lambda: len([line for line in server.log_lines() if line["event"] == "callback_delivered"]) == 7)
    lines = [line for line in server.log_lines() if line.get("job_id") == "j"]
    assert {line["event"] for line in lines} >= {"job_submitted", "attempt_started", "attempt_ended", "job_completed"}
    assert {line.get("trace_id") for line in lines} == {TRACE}
    assert {str(e["trace"]) for e in pipeline.seen() if e["event"] in ("job", "fetch")} == {TRACEPARENT}


def test_a_request_that_is_repeated_under_another_trace_stays_one_job(serve: Serve, backend: Receiver) -> None:
    server, pipeline = serve(["hold"])
    for span in ("00f067aa0ba902b7", "53995c3f42cd8ad8"):
        server.client.headers["traceparent"] = f"00-{TRACE}-{span}-01"
        assert server.post("j", VIDEO).status_code == 200
    pipeline.release()
    server.wait_for("j", "completed")
    backend.wait_for(lambda _: len(backend.of("j")) == 7)
    assert {request.headers.get("traceparent") for request in backend.of("j")} == {TRACEPARENT}


def test_a_job_run_again_after_a_failure_keeps_its_trace(serve: Serve, backend: Receiver) -> None:
    server, _ = serve(["fail:AUDIO_EXTRACTION_ERROR"])
    server.client.headers["traceparent"] = TRACEPARENT
    server.post("j", VIDEO)
    server.wait_for("j", "failed")
    backend.wait_for(lambda _: backend.of("j"))  # a new run takes the place of a last callback that was not sent
    del server.client.headers["traceparent"]
    assert server.client.post("/jobs/j/retry").is_success
    backend.wait_for(lambda _: [r.json["status"] for r in backend.of("j")].count("failed") == 2)
    assert {request.headers.get("traceparent") for request in backend.of("j")} == {TRACEPARENT}


def test_without_a_trace_nothing_is_added(serve: Serve, backend: Receiver) -> None:
    server, _ = serve()
    server.client.headers["traceparent"] = "nonsense"
    assert server.post("j", VIDEO).status_code == 200
    backend.wait_for(lambda _: len(backend.of("j")) == 7)
    assert not [request for request in backend.of("j") if "traceparent" in request.headers]
    assert not [line for line in server.log_lines() if "trace_id" in line]
