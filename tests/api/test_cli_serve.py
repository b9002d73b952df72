"""`ecg serve` as a command: start, error messages, stop."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ecg_dev.control_plane.processes import free_port
from ecg_dev.waiting import wait_until

ROOT = Path(__file__).parents[2]
SERVE = ("-m", "ecg_api.cli", "serve")


@contextmanager
def _server(*command: str, data: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    arguments = [sys.executable, *command, "--port", str(port), "--data-dir", str(data)]
    server = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: server.poll() is not None or _answers(port), 30)
        yield server
    finally:
        server.kill()
        server.communicate()


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
    assert str(tmp_path) in second.stderr


def test_a_taken_port_ends_it_with_a_line_that_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, *SERVE, "--port", port, "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode != 0
    assert "address already in use" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("BACKEND_URL", "ftp://b.example"), ("QUEUE_LIMIT", "0"), ("LOG_LEVEL", "LOUD")],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, *SERVE, "--data-dir", str(tmp_path)],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert f"\n  {name}: " in done.stderr
