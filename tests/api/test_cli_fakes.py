"""`ecg fake-backend` and `ecg fake-callbacks`, one against the other and each against what is wrong."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ecg_api.cli.fake_backend import Checked
from ecg_api.cli.main import main
from ecg_callbacks.signature import new_secret
from ecg_contract.wire.models import RESULT_PATH

ALL = ["processing 10", "processing 25", "processing 40", "processing 60", "processing 75", "processing 90"]


@contextmanager
def backend(*arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-m", "ecg_api.cli", "fake-backend", "--port", "0", "--once", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().split()[2].removesuffix(RESULT_PATH), process
        finally:
            process.kill()


def printed(process: "subprocess.Popen[str]") -> tuple[list[str], int]:
    out, _ = process.communicate(timeout=20)
    return out.splitlines(), process.returncode


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [*ALL, "completed 100"]),
        (["--failed"], [*ALL[:3], "failed"]),
    ],
)
def test_the_callbacks_of_a_job_are_sent_and_taken(
    arguments: list[str], expected: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLBACK_SECRET", new_secret())
    with backend() as (url, process):
        assert main(["fake-callbacks", url, *arguments]) == 0
        lines, status = printed(process)
    assert capsys.readouterr().out.splitlines() == [f"{line} -> HTTP 200" for line in expected]
    assert [line.startswith(wanted) for line, wanted in zip(lines, expected, strict=True)] == [True] * len(expected)
    assert status == 0


def test_repetitions_are_known_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    with backend() as (url, process):
        main(["fake-callbacks", url, "--twice", "--failed"])
        lines, status = printed(process)
    assert [line.endswith("(again)") for line in lines[:6]] == [False, True] * 3
    assert status == 0


def test_a_backend_that_fails_is_told_from_one_that_acknowledges(capsys: pytest.CaptureFixture[str]) -> None:
    with backend("--fail", "1") as (url, process):
        assert main(["fake-callbacks", url]) == 1
        printed(process)
    assert capsys.readouterr().out.startswith("processing 10 -> HTTP 503\nprocessing 25 -> HTTP 200\n")
    assert main(["fake-callbacks", "http://127.0.0.1:9"]) == 1
    assert main(["fake-callbacks", "ftp://x"]) == 2


def test_a_result_of_ones_own_is_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "result.json").write_text("{}")
    assert main(["fake-callbacks", "http://127.0.0.1:9", "--result", str(tmp_path / "result.json")]) == 2
    assert "segments" in capsys.readouterr().err


def callback(**fields: Any) -> bytes:
    return json.dumps({"job_id": "j", "status": "processing", "progress": 25, "message": "m", **fields}).encode()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (callback(progress=10), "progress 10 after 10"),
        (callback(status="completed", progress=100), "a result comes with completed"),
        (callback(error_code="PROCESSING_ERROR"), "an error_code comes with failed"),
        (callback(status="odd"), "status: Input should be"),
        (b"[]", ": Input should be"),
    ],
)
def test_what_is_wrong_with_a_callback_is_said(body: bytes, fault: str) -> None:
    checked = Checked(None)
    assert checked.take({"webhook-id": "1"}, callback(progress=10)) == ["processing 10 m"]
    assert any(fault in said for said in checked.take({"webhook-id": "2"}, body)[1:])
    assert checked.faults


def test_progress_after_the_end_and_a_missing_signature_are_faults() -> None:
    checked = Checked(new_secret())
    last = callback(status="failed", progress=None, error_code="PROCESSING_ERROR")
    assert checked.take({"webhook-id": "1"}, last)[1:] == ["webhook-signature is not that of CALLBACK_SECRET"]
    assert "progress after failed" in checked.take({"webhook-id": "2"}, callback())[1:]
    again = Checked(None)
    again.take({"webhook-id": "1"}, callback(progress=40))
    again.take({"webhook-id": "2"}, last)
    again.take({"webhook-id": "3"}, callback(progress=10))
    assert again.faults == [], "a failed job that runs again begins again"
    assert "there is no webhook-id" in Checked(None).take({}, callback())[1:]
