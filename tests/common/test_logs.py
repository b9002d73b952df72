"""Log lines: one JSON object each, the job's id on every line of a job, also in a file."""

import json
import logging
from pathlib import Path

import pytest

from ecg_common.logs import configure_logging, job_logger


@pytest.fixture(autouse=True)
def _restored() -> object:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_carries_the_event_the_job_and_the_details(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(tmp_path / "logs/ml_server.log")
    job_logger("ecg.test", "영상-1", attempt=2).warning("audio_extraction_failed", extra={"reason": "no audio"})
    in_file = (tmp_path / "logs/ml_server.log").read_text()
    line = json.loads(in_file)
    assert capsys.readouterr().err == in_file
    assert "영상-1" in in_file
    assert {k: line[k] for k in ("event", "job_id", "attempt", "reason", "level")} == {
        "event": "audio_extraction_failed",
        "job_id": "영상-1",
        "attempt": 2,
        "reason": "no audio",
        "level": "warning",
    }


def test_an_exception_and_a_line_break_stay_on_one_line(tmp_path: Path) -> None:
    configure_logging(tmp_path / "log")
    try:
        raise ValueError("a\nb")
    except ValueError:
        job_logger("ecg.test", "a\nb").exception("failed")
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_libraries_that_log_whole_urls_are_quiet(tmp_path: Path) -> None:
    configure_logging(tmp_path / "log")
    logging.getLogger("httpx").info("GET https://host/?X-Amz-Signature=secret")
    assert (tmp_path / "log").read_text() == ""
