"""What a pod makes of the API server's answers, against a server at its port that answers as it is told."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_cluster import pod_client as api_server
from ecg_cluster.pod_client import Answer, ApiServer
from ecg_contract.host_protocol import PipelineJob, PipelineStatus, Source
from ecg_contract.videojob.pod_task import PodTask
from ecg_dev.waiting import wait_until
from ecg_pipeline.analysis.progress import ProgressReporter
from ecg_pipeline.hosts.pod import retry as patience
from ecg_pipeline.hosts.pod import status_reporter
from ecg_pipeline.hosts.pod.retry import Verdict, verdict
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.hosts.pod.status_reporter import ClusterReporter
from support.observations import RESULT

FENCED = (422, {"message": "denied: fenced: another pod is the current attempt's"})
UNASSIGNED = (422, {"message": "denied: no pod is assigned to this VideoJob yet"})


class Scripted(http.server.ThreadingHTTPServer):
    """Answers the next requests so, then 200; remembers tokens and bodies."""

    def __init__(self) -> None:
        self.script: list[tuple[int, Any]] = []
        self.tokens: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.unknown: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"

    def do_PATCH(self) -> None:
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = self.headers["Authorization"].partition(" ")[2]
        self.server.tokens.append(token)
        status, body = self.server.script.pop(0) if self.server.script else (200, {})
        if token in self.server.unknown:
            status, body = 401, {"message": "Unauthorized"}
        if status == 200:
            self.server.reports.append(patch[0]["value"])
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as scripted:
        yield scripted
        scripted.shutdown()


@pytest.fixture
def kubeconfig(server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr(patience, "_LONGEST_S", 0.05)
    monkeypatch.setattr(patience, "_FIRST_S", 0.01)
    _write(path, server, "first")
    return path


def _write(path: Path, server: Scripted, token: str) -> None:
    cluster = {"name": "t", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "t", "context": {"cluster": "t", "user": "t"}}
    users = [{"name": "t", "user": {"token": token}}]
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "t", "users": users}
    path.write_text(json.dumps(config | {"clusters": [cluster], "contexts": [context]}))


@pytest.fixture
def stopped() -> threading.Event:
    return threading.Event()


@pytest.fixture
def reporter(kubeconfig: Path, stopped: threading.Event, tmp_path: Path) -> ClusterReporter:
    pod = PodSettings(
        pod_name="pod",
        pod_uid="p",
        pod_namespace="ns",
        termination_log=tmp_path / "words",
        report_patience_s=10,
    )
    job = PipelineJob.model_validate({"jobId": "j", "source": {"url": "https://a.example/v"}, "resultPath": "/r"})
    task = PodTask(videojob_name="job", videojob_uid="u", job=job)
    return ClusterReporter(ApiServer("ns"), pod, task, stopped.set)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(None, "refused"), Verdict.LATER),
        (Answer(200), Verdict.ACCEPTED),
        (Answer(409), Verdict.LATER),
        (Answer(429), Verdict.LATER),
        (Answer(500), Verdict.LATER),
        (Answer(403, "forbidden"), Verdict.LATER),
        (Answer(404), Verdict.STOP),
        (Answer(401), Verdict.STOP),
        (Answer(422, json.dumps(UNASSIGNED[1])), Verdict.LATER),
        (Answer(422, json.dumps(FENCED[1])), Verdict.STOP),
        (Answer(422, "finished: the VideoJob takes no more reports"), Verdict.STOP),
        (Answer(422, "status.pipeline.progress: Invalid value"), Verdict.WRONG),
        (Answer(422, 'videojobs "finished" is invalid: status.pipeline.progress: Invalid value'), Verdict.WRONG),
        (Answer(400), Verdict.WRONG),
    ],
)
def test_each_answer_has_its_meaning(answer: Answer, expected: Verdict) -> None:
    assert verdict(answer) is expected


@pytest.mark.parametrize("trouble", [(409, {}), (429, {}), (500, {}), (503, {}), UNASSIGNED])
def test_trouble_delays_a_report_and_loses_none(reporter: ClusterReporter, server: Scripted, trouble: Any) -> None:
    server.script = [trouble] * 4
    reporter.finished("j", PipelineStatus(attempt=3, progress=50), 0)
    assert [(r["attempt"], r["progress"], r["podUID"]) for r in server.reports] == [(3, 50, "p")]


def test_a_newer_report_takes_the_place_of_one_that_waits(reporter: ClusterReporter, server: Scripted) -> None:
    server.script = [(503, {})] * 3
    for progress in (10, 20, 30):
        reporter.report("j", PipelineStatus(attempt=1, progress=progress))
    reporter.finished("j", PipelineStatus(attempt=1, progress=100), 0)
    assert server.reports[-1]["progress"] == 100
    assert [r["progress"] for r in server.reports] == sorted(r["progress"] for r in server.reports)


def test_a_fenced_pod_is_stopped(reporter: ClusterReporter, server: Scripted, stopped: threading.Event) -> None:
    server.script = [FENCED]
    reporter.report("j", PipelineStatus(attempt=1))
    assert stopped.wait(10)


def test_nothing_follows_the_end_that_was_taken(
    reporter: ClusterReporter, server: Scripted, stopped: threading.Event
) -> None:
    """The operator ends the job at once, and refuses what comes later: that is no order to stop."""
    end = PipelineStatus(attempt=1, progress=100, result=RESULT)
    reporter.report("j", end)
    wait_until(lambda: server.reports)
    server.script = [(422, {"message": "denied: finished: the VideoJob takes no more reports"})]
    reporter.report("j", end)
    reporter.finished("j", end, 0)
    assert not stopped.is_set()
    assert len(server.reports) == 1


def test_a_renewed_token_is_read_at_once(reporter: ClusterReporter, server: Scripted, kubeconfig: Path) -> None:
    reporter.finished("j", PipelineStatus(attempt=1), 0)
    server.unknown = {"first"}
    _write(kubeconfig, server, "second")
    reporter.finished("j", PipelineStatus(attempt=1, progress=7), 0)
    assert server.reports[-1]["progress"] == 7
    assert server.tokens[-1] == "second"


def test_a_token_that_stays_unknown_is_the_order_to_stop(
    reporter: ClusterReporter, server: Scripted, stopped: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_server, "UNKNOWN_S", 0.2)
    server.unknown = {"first"}
    reporter.report("j", PipelineStatus(attempt=1))
    assert stopped.wait(10)
    assert len(server.tokens) > 1


def test_a_refusal_for_a_fault_of_ours_ends_that_report_alone(
    reporter: ClusterReporter, server: Scripted, stopped: threading.Event
) -> None:
    server.script = [(422, {"message": "status.pipeline.stage: Unsupported value"})]
    reporter.report("j", PipelineStatus(attempt=1))
    wait_until(lambda: not server.script)
    reporter.finished("j", PipelineStatus(attempt=1, progress=9), 0)
    assert [r["progress"] for r in server.reports] == [9]
    assert not stopped.is_set()


def test_a_failure_that_nobody_foresaw_does_not_silence_the_reporter(
    reporter: ClusterReporter, server: Scripted, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is unknown, and its file is not there at the moment when it is read again."""
    monkeypatch.setattr(status_reporter, "_FAILURE_PAUSE_S", 0.05)
    server.unknown.add("first")
    kubeconfig.unlink()
    reporter.report("j", PipelineStatus(attempt=1, progress=10))
    wait_until(lambda: server.tokens)
    _write(kubeconfig, server, "second")
    reporter.finished("j", PipelineStatus(attempt=1, progress=20), 0)
    assert server.reports[-1]["progress"] == 20


def test_a_heartbeat_that_fails_is_not_the_last_one() -> None:
    class Failing:
        def __init__(self) -> None:
            self.calls = 0

        def report(self, job_id: str, status: PipelineStatus) -> None:
            self.calls += 1
            if self.calls == 1:
                raise OSError("no such host")

        def finished(self, job_id: str, status: PipelineStatus, exit_code: int) -> None:
            raise AssertionError("it does not end")

    failing = Failing()
    job = PipelineJob(job_id="j", source=Source(url="https://a.example/v.mp4"), result_path=Path("r"))
    with ProgressReporter(job, failing).heartbeats(heartbeat_s=0.1, progress_s=0.1):
        wait_until(lambda: failing.calls >= 3)
