"""`ecg serve` as a command: start, error messages, stop."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from pydantic_settings import BaseSettings

from ecg_api.kubernetes.settings import KubernetesSettings
from ecg_api.settings import Settings
from ecg_api.standalone.settings import StandaloneSettings
from ecg_common.load_settings import load_settings
from ecg_dev.control_plane.processes import free_port
from ecg_dev.waiting import wait_until
from ecg_operator.settings import OperatorSettings
from ecg_pipeline.settings import PipelineSettings

ROOT = Path(__file__).parents[2]
SERVE = ("-m", "ecg_api.cli", "serve")


@contextmanager
def _server(*command: str, data: Path, port: int, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    arguments = [sys.executable, *command, "--port", str(port), "--data-dir", str(data)]
    server = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    try:
        wait_until(lambda: server.poll() is not None or _answers(port), 30, lambda: "it did not start")
        assert server.poll() is None, "it ended"
        yield server
    finally:
        ended = server.poll()
        server.kill()
        print(server.communicate()[1], f"exit status: {ended}")


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("command", [SERVE, ("ml_api_server.py",)], ids=["ecg serve", "ml_api_server.py"])
def test_it_serves_logs_json_and_stops_on_sigterm(tmp_path: Path, command: tuple[str, ...]) -> None:
    with _server(*command, data=tmp_path, port=free_port()) as server:
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=15)
    assert server.returncode == 0
    assert all(json.loads(line)["event"] for line in log.splitlines())


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with _server(*SERVE, data=tmp_path, port=free_port()):
        second = subprocess.run(
            [sys.executable, *SERVE, "--port", str(free_port()), "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 1
    assert f"{tmp_path} is in use by another server (pid " in second.stderr


def test_a_taken_port_ends_it_with_a_line_that_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _refused("--port", str(port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        f"ecg serve: 127.0.0.1, port {port}, cannot be listened on (Address already in use): "
        "stop what listens there, or name others by --host and --port\n"
    )


def test_a_taken_port_for_metrics_does_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ("--port", str(free_port()), "--data-dir", str(tmp_path))
        done = _refused(*arguments, environment={"METRICS_PORT": port})
    assert done.returncode == 1
    assert f"port {port}, cannot be listened on (Address already in use)" in done.stderr
    assert done.stderr.endswith("or name others by METRICS_PORT\n")


def test_a_port_for_both_does_too(tmp_path: Path) -> None:
    port = str(free_port())
    done = _refused("--port", port, "--data-dir", str(tmp_path), environment={"METRICS_PORT": port})
    assert done.returncode == 1
    assert done.stderr.endswith("or name others by METRICS_PORT\n")


def test_metrics_are_served_where_they_are_asked_for(tmp_path: Path) -> None:
    metrics, port = free_port(), free_port()
    with _server(*SERVE, data=tmp_path, port=port, METRICS_PORT=str(metrics)):
        text = httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).text
    assert 'ecg_jobs_submitted_total{kind="video",outcome="created"} 0.0' in text


def _refused(
    *arguments: str, before: tuple[str, ...] = (), environment: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ecg_api.cli", *before, "serve", *arguments]
    given = {**os.environ, **environment}
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=30, check=False)


def test_a_data_directory_that_cannot_be_written_is_named() -> None:
    done = _refused("--data-dir", "/proc/x", "--port", str(free_port()))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "ecg serve: /proc/x cannot be written (No such file or directory): give this user the right to, "
        "or name another folder by --data-dir or DATA_DIR"
    ]


@pytest.mark.parametrize("content", [b"\x99\x00binary", b"\xff\xfe"])
def test_a_binary_env_file_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e").write_bytes(content)
    done = _refused(before=("--env-file", str(tmp_path / "e")))
    assert done.returncode == 2
    assert done.stderr.startswith(f"ecg: {tmp_path / 'e'} is no file of settings")
    assert len(done.stderr.splitlines()) == 1


def test_a_misspelt_setting_is_warned_of(tmp_path: Path) -> None:
    wrong = {"CALBACK_SECRET": "hunter2", "PORT": "http"}
    done = _refused("--data-dir", str(tmp_path), environment=wrong)
    assert done.stderr.startswith("warning: CALBACK_SECRET is no setting; is CALLBACK_SECRET meant?\n")
    assert "hunter2" not in done.stderr


def test_a_missing_package_says_what_to_type(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-I", str(ROOT / "ml_api_server.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "ml_api_server.py: ecg_api is not installed here: run `make setup`, then .venv/bin/python ml_api_server.py\n"
    )


WRONG = {
    "PORT": "http",
    "BACKEND_URL": "ftp://b.example",
    "QUEUE_LIMIT": "0",
    "LOG_LEVEL": "LOUD",
    "CALLBACK_SECRET": "whsec_bad!",
    "CALLBACK_ALLOW": "10.0.0.0/99",
    "CORS_ORIGINS": "foo",
}


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    done = _refused("--data-dir", str(tmp_path), environment={name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"wrong settings:\n  {name}: ")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("kind", [Settings, StandaloneSettings, KubernetesSettings, OperatorSettings, PipelineSettings])
@pytest.mark.parametrize("value", ["%%%", "\x07", "{", "-1", "nan", "[]"])
def test_no_value_of_any_setting_ends_in_a_traceback(
    kind: type[BaseSettings], value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in kind.model_fields:
        with monkeypatch.context() as environment:
            environment.setenv(name.upper(), value)
            with suppress(SystemExit):
                load_settings(kind)
            told = capsys.readouterr().err
            assert not told or told.startswith("wrong settings:\n  ")


def test_wrong_settings_of_the_pipeline_are_named_and_the_server_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGN_MODELS", "notjson")
    port = free_port()
    with _server(*SERVE, data=tmp_path, port=port) as server:
        wait_until(lambda: _missing(port) == ["the pipeline process refuses its settings: the log says which"], 30)
        server.terminate()
        _, log = server.communicate(timeout=15)
    assert "wrong settings:\n  ALIGN_MODELS: is not valid JSON\n" in log
    assert "Traceback" not in log


def _missing(port: int) -> object:
    return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).json()["missing"]
