"""The pipeline process as its host sees it: stdout, signals, exit with the parent."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecg_contract.host_protocol import Report
from ecg_dev.waiting import wait_until
from support.pipeline_process import ROOT, PipelineProcess, demo_environment, make_job
from support.sounds import voice, write_wav


@pytest.fixture
def process() -> Iterator[PipelineProcess]:
    started = PipelineProcess(demo_environment())
    started.until(lambda report: report.event == "ready")
    yield started
    started.close()


@pytest.fixture
def busy(process: PipelineProcess, tmp_path: Path) -> PipelineProcess:
    """A process with a job that imports and loads models, which takes seconds."""
    process.send(make_job(write_wav(tmp_path / "sound.wav", voice(150, 2)), tmp_path / "result.json"))
    process.until(lambda report: report.event == "status" and report.status.stage == "vad")
    return process


def test_sigterm_ends_a_busy_process_at_once_with_143(busy: PipelineProcess) -> None:
    busy.process.send_signal(signal.SIGTERM)
    assert busy.process.wait(10) == 143


def test_the_end_of_stdin_ends_an_idle_process_with_0(process: PipelineProcess) -> None:
    assert process.process.stdin is not None
    process.process.stdin.close()
    assert process.process.wait(60) == 0


def test_the_end_of_stdin_ends_a_busy_process_too(busy: PipelineProcess) -> None:
    assert busy.process.stdin is not None
    busy.process.stdin.close()
    assert busy.process.wait(10) == 143


def test_nothing_but_reports_is_on_stdout(pipeline: PipelineProcess, tmp_path: Path) -> None:
    pipeline.run(make_job(ROOT / "demo/samples/meeting_en.mp4", tmp_path / "result.json"))
    assert all(Report.model_validate_json(line) for line in pipeline.raw)


def test_a_line_that_is_no_job_is_refused_and_the_next_is_taken(pipeline: PipelineProcess, tmp_path: Path) -> None:
    assert pipeline.process.stdin is not None
    pipeline.process.stdin.write(b'{"jobId": 1}\n')
    sound = write_wav(tmp_path / "sound.wav", voice(150, 0.1))
    assert pipeline.run(make_job(sound, tmp_path / "result.json")).exit_code == 0
    assert [line for line in pipeline.log_lines() if line["event"] == "job_line_refused"]


def test_no_orphan_is_left_by_a_parent_that_is_killed(tmp_path: Path) -> None:
    job = make_job(write_wav(tmp_path / "sound.wav", voice(150, 2)), tmp_path / "result.json")
    (tmp_path / "job.json").write_text(job.to_json())
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "ecg_pipeline", "--job", {str(tmp_path / "job.json")!r}],
                         stdout=open({str(tmp_path / "out")!r}, "wb"), stderr=subprocess.DEVNULL)
print(child.pid, flush=True)
child.wait()
"""
    host = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, env=demo_environment(), cwd=ROOT)
    assert host.stdout is not None
    child = int(host.stdout.readline())
    wait_until(lambda: b'"download"' in (tmp_path / "out").read_bytes(), 60)
    host.kill()
    wait_until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not Path(f"/proc/{child}/cmdline").read_bytes())
    host.wait()


def test_a_wrong_setting_is_said_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(make_job(tmp_path, tmp_path / "r").to_json())
    command = [sys.executable, "-m", "ecg_pipeline", "--job", str(tmp_path / "job.json")]
    ended = subprocess.run(command, env={**os.environ, "ASR_BATCH_SIZE": "0"}, capture_output=True, check=False)
    assert ended.returncode == 2
    assert b"asr_batch_size" in ended.stderr.lower()


def test_nothing_heavy_is_imported_before_the_job_is_read() -> None:
    code = "import sys, json, ecg_pipeline.__main__; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))
    heavy = {"torch", "av", "whisperx", "pyannote", "transformers", "ctranslate2", "numba", "boto3"}
    assert not heavy & set(loaded)
