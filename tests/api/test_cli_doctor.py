"""The checks of `ecg doctor`: each line says what was found and what to do."""

import io
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_api.cli.terminal import Working
from ecg_api.http.app import create_app
from ecg_api.settings import Settings
from ecg_common.checks import Check, Finding, Grade, findings_of
from support.fake_store import FakeStore
from support.live_server import live_server

doctor = pytest.importorskip("ecg_api.cli.doctor")


@pytest.fixture
def backend(store: FakeStore, settings: Settings) -> Iterator[str]:
    with live_server(create_app(settings, store)) as url:
        yield url


def test_a_data_directory_is_made_and_found_writable(tmp_path: Path) -> None:
    finding = doctor.check_data_dir(tmp_path / "new")
    assert finding.grade in (Grade.OK, Grade.WARN)  # little room is a warning
    assert "is writable" in finding.found


def test_a_data_directory_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = doctor.check_data_dir(tmp_path / "file/data")
    assert finding.grade is Grade.FAIL
    assert "DATA_DIR" in finding.advice


@pytest.mark.parametrize("path", ["/health", "/nothing"])
def test_a_backend_that_answers_anything_is_reachable(backend: str, path: str) -> None:
    assert doctor.check_backend(backend + path).grade is Grade.OK


def test_a_backend_that_is_down_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    finding = doctor.check_backend(f"http://127.0.0.1:{port}/prefix")
    assert finding.grade is Grade.FAIL
    assert "does not answer" in finding.found


def test_no_backend_is_a_warning() -> None:
    assert doctor.check_backend(None).grade is Grade.WARN


def _pipeline_doctor(folder: Path, code: str) -> dict[str, str]:
    (folder / "ecg_pipeline").mkdir()
    (folder / "ecg_pipeline/__init__.py").touch()
    (folder / "ecg_pipeline/doctor.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_what_the_pipeline_finds_is_passed_on(tmp_path: Path) -> None:
    told = Finding.warn("GPU", "없음", "nothing, if the CPU is meant")
    lines = f"""print('{{"checking": "GPU"}}'); print({told.to_json()!r})"""
    environment, begun = _pipeline_doctor(tmp_path, lines), list[str]()
    assert list(doctor.check_pipeline(True, begun.append, environment)) == [told]
    assert begun == ["GPU"]


def test_a_pipeline_that_cannot_be_imported_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment, begun = _pipeline_doctor(tmp_path, "import no_such_package"), list[str]()
    (finding,) = doctor.check_pipeline(True, begun.append, environment)
    assert finding.grade is Grade.FAIL
    assert "no_such_package" in capsys.readouterr().err


def test_a_finding_survives_its_line_of_json() -> None:
    finding = Finding.fail("a", "b", "c")
    assert Finding.of_json(json.loads(finding.to_json())) == finding


def test_a_check_that_does_not_end_is_told_of_after_its_limit_with_what_it_found() -> None:
    found, never = Finding.ok("S3", "reads"), threading.Event()

    def hang() -> Iterator[Finding]:
        yield found
        never.wait()

    after = Finding.ok("GPU", "none")
    begun: list[str] = []
    findings = list(findings_of([Check("S3", hang, 0.2), Check("GPU", lambda: [after])], begun.append))
    never.set()
    assert (findings[0], findings[2], begun) == (found, after, ["S3", "GPU"])
    assert (findings[1].grade, findings[1].found) == (Grade.FAIL, "no answer within 0.2 s")


def test_a_backend_that_takes_the_connection_and_never_answers_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding = doctor.check_backend(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert finding.grade is Grade.FAIL
    assert "does not answer: timed out" in finding.found


def test_a_terminal_shows_what_is_being_checked_and_another_stream_nothing() -> None:
    for terminal, expected in ((True, "\rbackend ...\x1b[K\r\x1b[K"), (False, "")):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal  # type: ignore[method-assign,misc]
        working = Working(stream)
        working.show("backend")
        working.done()
        assert stream.getvalue() == expected
