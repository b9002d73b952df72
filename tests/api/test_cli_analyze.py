"""`ecg analyze` as a command: output, exit status, the job it gives to the pipeline."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ecg_api.cli.output_file import saved
from ecg_api.cli.output_formats import outputs_of
from ecg_contract.errors import ErrorCode
from ecg_contract.host_protocol import Device, PipelineError, PipelineJob, PipelineStatus, Report
from ecg_contract.languages import Language
from ecg_contract.stages import Stage
from ecg_dev.waiting import wait_until
from support.server_process import is_alive
from support.stand_in_pipeline import jobs_seen, settings_seen, write_pipeline
from support.wire_results import stored_result


def _line(stage: Stage, error: PipelineError | None = None) -> str:
    status = PipelineStatus(attempt=1, stage=stage, progress=stage.progress, message=stage.message, error=error)
    return Report(event="status", job_id="j", status=status).to_json()


PROGRESS = [_line(stage) for stage in Stage]


def _ecg(environment: Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecg_api.cli", *map(str, arguments)]
    korean = {**environment, "LC_ALL": "ko_KR.UTF-8"}
    return subprocess.run(command, env=korean, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    path = tmp_path / "회의.wav"
    path.write_bytes(b"RIFF")
    return path


def test_the_transcript_is_printed_and_the_result_written(tmp_path: Path, media: Path) -> None:
    result = stored_result(tmp_path)
    done = _ecg(
        write_pipeline(tmp_path / "p", lines=PROGRESS, result=result), "analyze", media, "-o", tmp_path / "o/r.json"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "[00:01.50 - 00:03.20] SPEAKER_00: 안녕하세요"
    assert (tmp_path / "o/r.json").read_bytes() == result.read_bytes()
    assert done.stderr.splitlines() == [f"{s.progress:3}%  {s.message}" for s in Stage]


def test_subtitles_are_written_beside_the_json(tmp_path: Path, media: Path) -> None:
    result, out = stored_result(tmp_path), tmp_path / "out"
    environment = write_pipeline(tmp_path / "p", lines=PROGRESS, result=result)
    formats = [argument for kind in ("srt", "vtt", "json", "srt") for argument in ("-f", kind)]
    done = _ecg(environment, "analyze", media, "-o", tmp_path / "own.TXT", *formats, "--output-dir", out)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "own.TXT").read_text() == "SPEAKER_00: 안녕하세요\n"
    assert sorted(path.name for path in out.iterdir()) == ["회의.json", "회의.srt", "회의.vtt"]
    assert (out / "회의.json").read_bytes() == result.read_bytes()
    assert (out / "회의.srt").read_text().splitlines()[:3] == [
        "1",
        "00:00:01,500 --> 00:00:01,800",
        "SPEAKER_00: 안녕하세요",
    ]
    assert (out / "회의.vtt").read_text().startswith("WEBVTT\n")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://media.example/a/My%20talk.final.mp4?sig=x", "My talk.final.srt"),
        ("s3://b/k/v.mp4", "v.srt"),
        ("a/b.c", "b.srt"),
    ],
)
def test_outputs_are_named_after_the_source(source: str, name: str) -> None:
    assert outputs_of(source, None, ["srt"], None) == [Path(name)]
    assert outputs_of(source, None, [], Path("out")) == [Path("out") / name.replace(".srt", ".json")]
    assert outputs_of(source, None, [], None) == []


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        (("--min-speakers", 3, "--max-speakers", 2), "num_speakers must lie between min_speakers and max_speakers"),
        (("--num-speakers", 0), "num_speakers Input should be greater than or equal to 1"),
    ],
)
def test_impossible_numbers_of_speakers_are_refused_before_any_work(
    media: Path, counts: tuple[str | int, ...], why: str
) -> None:
    done = _ecg(os.environ, "analyze", media, *counts)
    assert (done.returncode, done.stderr) == (2, f"ecg analyze: {why}\n")


@pytest.mark.parametrize(("output", "why"), [(".", "is a folder; name a file in it"), ("/proc/x/r.json", "written (")])
def test_an_output_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, media: Path, output: str, why: str
) -> None:
    done = _ecg(write_pipeline(tmp_path / "p", result=stored_result(tmp_path)), "analyze", media, "-o", output)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert not (tmp_path / "p/jobs").exists() or not jobs_seen(tmp_path / "p")


def test_a_result_whose_output_fails_after_the_work_is_written_next_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (output := tmp_path / "r.json").mkdir()  # became a folder meanwhile
    assert not saved("{}", output)
    (other,) = [path for path in tmp_path.iterdir() if path != output]
    assert other.read_text() == "{}"
    assert capsys.readouterr().err.splitlines() == [
        f"{output} cannot be written (Is a directory)",
        f"the result is in {other} instead",
    ]


def test_the_job_file_is_a_job_of_the_contract(tmp_path: Path, media: Path) -> None:
    environment = write_pipeline(tmp_path / "p", result=stored_result(tmp_path))
    hints = ("--min-speakers", 2, "--max-speakers", 4, "--vocabulary", "Ada Lovelace, VideoJob")
    _ecg(environment, "analyze", media, "--language", "KO", "--no-emotion", "--cpu", *hints)
    job = PipelineJob.model_validate_json(jobs_seen(tmp_path / "p")[0], extra="forbid")
    assert (job.source.path, job.language, job.device) == (media, Language.KO, Device.CPU)
    assert not job.emotion_detection
    assert (job.num_speakers, job.min_speakers, job.max_speakers) == (None, 2, 4)
    assert job.vocabulary == "Ada Lovelace, VideoJob"


def test_a_url_is_handed_on_as_one(tmp_path: Path) -> None:
    environment = write_pipeline(tmp_path / "p", result=stored_result(tmp_path))
    _ecg(environment, "analyze", "s3://bucket/v.mp4")
    assert json.loads(jobs_seen(tmp_path / "p")[0])["source"] == {"url": "s3://bucket/v.mp4"}


def test_notes_are_printed_once(tmp_path: Path, media: Path) -> None:
    note = "Whisper base did not load (hub away), tiny is used"
    status = PipelineStatus(attempt=1, stage=Stage.VAD, progress=25, message=Stage.VAD.message, notes=(note,))
    line = Report(event="status", job_id="j", status=status).to_json()
    done = _ecg(write_pipeline(tmp_path / "p", lines=[line, line], result=stored_result(tmp_path)), "analyze", media)
    assert done.stderr.splitlines() == [f"note: {note}", f" 25%  {Stage.VAD.message}"]
    assert done.stdout.splitlines()[-1].endswith(", by whisperx-base")


def test_a_failure_is_told_in_the_wires_words(tmp_path: Path, media: Path) -> None:
    error = PipelineError(code=ErrorCode.AUDIO_EXTRACTION_ERROR, message="오디오 추출 실패: no audio stream")
    done = _ecg(write_pipeline(tmp_path / "p", lines=[_line(Stage.DOWNLOAD, error)], codes=[11]), "analyze", media)
    assert done.returncode == 11
    assert done.stderr.splitlines()[-1] == "AUDIO_EXTRACTION_ERROR: 오디오 추출 실패: no audio stream"


@pytest.mark.parametrize("code", [14, -6, -11])
def test_what_the_cpu_may_mend_is_tried_again_there(tmp_path: Path, media: Path, code: int) -> None:
    environment = write_pipeline(tmp_path / "p", codes=[code, 0], result=stored_result(tmp_path))
    assert _ecg(environment, "analyze", media).returncode == 0
    jobs = [json.loads(line) for line in jobs_seen(tmp_path / "p")]
    assert [(job["attempt"], job["device"]) for job in jobs] == [(1, "auto"), (2, "cpu")]


def test_a_pipeline_that_dies_silently_leaves_its_last_lines(tmp_path: Path, media: Path) -> None:
    done = _ecg(write_pipeline(tmp_path / "p", codes=[-9]), "analyze", media)
    assert done.returncode == 137
    assert "a log line" in done.stderr


def test_an_end_without_a_result_is_no_success(tmp_path: Path, media: Path) -> None:
    assert _ecg(write_pipeline(tmp_path / "p"), "analyze", media).returncode == 1


def _as_from_a_terminal() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job, such as a CI's, ignores it


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_the_pipeline_too(tmp_path: Path, media: Path, number: signal.Signals) -> None:
    environment = write_pipeline(tmp_path / "p")
    pid_file = tmp_path / "pid"
    code = f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(60)"
    (tmp_path / "p/ecg_pipeline/__main__.py").write_text(code)
    command = [sys.executable, "-m", "ecg_api.cli", "analyze", str(media)]
    ecg = subprocess.Popen(command, env=environment, preexec_fn=_as_from_a_terminal)  # noqa: PLW1509 - no thread runs yet
    wait_until(lambda: pid_file.exists() and pid_file.read_text())
    ecg.send_signal(number)
    assert ecg.wait(10) == 130
    assert not is_alive(int(pid_file.read_text()))


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = _ecg(write_pipeline(tmp_path / "p"), "analyze", tmp_path / "nothing.mp4")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no file" in done.stderr


def test_an_env_file_does_not_override_the_environment(tmp_path: Path, media: Path) -> None:
    (tmp_path / "e.env").write_text("FIRST=file\nSECOND=file\n")
    environment = {**write_pipeline(tmp_path / "p", codes=[1]), "FIRST": "environment"}
    main = tmp_path / "p/ecg_pipeline/__main__.py"
    main.write_text("import os, sys; sys.exit(os.environ['FIRST'] + ' ' + os.environ['SECOND'])")
    done = _ecg(environment, "--env-file", tmp_path / "e.env", "analyze", media)
    assert "environment file" in done.stderr


def test_the_command_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, ecg_api.cli, ecg_api.cli.analyze; print(*{m.partition('.')[0] for m in sys.modules})"
    found = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    foreign = found - sys.stdlib_module_names - {"ecg_api", "__main__", "sitecustomize"}
    assert not {name for name in foreign if not name.startswith(("_", "ecg_contract"))}


def test_several_sources_are_analysed_one_after_the_other(tmp_path: Path, media: Path) -> None:
    environment = write_pipeline(tmp_path / "p", result=stored_result(tmp_path))
    other = tmp_path / "other.mp4"
    other.write_bytes(b"x")
    models = ("--model", "small", "--compute-type", "int8", "--batch-size", 2)
    done = _ecg(environment, "analyze", media, other, "-f", "txt", "--output-dir", tmp_path / "out", *models)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("==")] == [f"== {media}", f"== {other}"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["other.txt", "회의.txt"]
    assert len(jobs_seen(tmp_path / "p")) == 2
    expected = {"ASR_MODEL": "small", "ASR_COMPUTE_TYPE": "int8", "ASR_BATCH_SIZE": "2"}
    assert settings_seen(tmp_path / "p") == expected


def test_two_sources_are_not_written_to_one_file(tmp_path: Path, media: Path) -> None:
    environment = write_pipeline(tmp_path / "p", result=stored_result(tmp_path))
    (same := tmp_path / "a" / media.name).parent.mkdir()
    same.write_bytes(b"x")
    for arguments in ((media, same, "-f", "srt"), (media, same, "-o", tmp_path / "r.json")):
        done = _ecg(environment, "analyze", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "several sources would be written to the same file" in done.stderr


def test_a_file_is_read_from_standard_input(tmp_path: Path) -> None:
    environment = write_pipeline(tmp_path / "p", result=stored_result(tmp_path))
    command = [sys.executable, "-m", "ecg_api.cli", "analyze", "-", "-f", "txt", "--output-dir", str(tmp_path / "out")]
    done = subprocess.run(command, env={**environment}, input=b"RIFF", capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/stdin.txt").read_text() == "SPEAKER_00: 안녕하세요\n"


def test_the_version_is_printed() -> None:
    done = _ecg({}, "--version")
    assert (done.returncode, done.stdout) == (0, "ecg 0.1.0, ML server API 1.2.0\n")
