"""`ecg analyze`: run the pipeline on files or URLs, each in a child process, and print the transcripts.

Exit status, of the first source that was not analysed: 0, the pipeline's own (10 download, 11 audio extraction,
12 processing, 13 models, 14 GPU memory), 128 plus the signal that killed it, or 1 when it left no result or the output
could not be written. Only the standard library is imported before the pipeline has ended, so that its process starts
within milliseconds.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from ecg_api.cli.output_file import saved, why_not_writable
from ecg_api.cli.output_formats import in_format, outputs_of
from ecg_api.cli.stage_words import progress_message
from ecg_api.cli.terminal import Progress, complain, say, transcript

_STDIN = "-"
_USAGE = 2
_DIED = 1
_TAIL_LINES = 15


def run(arguments: argparse.Namespace) -> int:
    outputs = {name: _outputs(arguments, name) for name in arguments.sources}
    if why := _why_not(arguments, [path for paths in outputs.values() for path in paths]):
        complain(f"ecg analyze: {why}")
        return _USAGE
    os.environ.update(_model_settings(arguments))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    statuses = []
    for name, paths in outputs.items():
        if len(outputs) > 1:
            say(f"== {name}")
        statuses.append(_analyze(arguments, name, paths))
    return next((status for status in statuses if status), 0)


def _outputs(arguments: argparse.Namespace, name: str) -> list[Path]:
    named = "stdin" if name == _STDIN else name
    return outputs_of(named, arguments.output, arguments.output_format, arguments.output_dir)


def _why_not(arguments: argparse.Namespace, outputs: Sequence[Path]) -> str | None:
    """What keeps the command from beginning, before any work; None where nothing does."""
    for name in arguments.sources:
        if name != _STDIN and _source(name) is None:
            return f"there is no file {name}"
    if why := _wrong_counts(arguments):
        return why
    if len(set(outputs)) < len(outputs):
        return "several sources would be written to the same file: name --output-format, and sources of other names"
    return next((f"{output}: {why}" for output in outputs if (why := why_not_writable(output))), None)


def _wrong_counts(arguments: argparse.Namespace) -> str | None:
    counts = {name: getattr(arguments, name) for name in ("num_speakers", "min_speakers", "max_speakers")}
    if all(count is None for count in counts.values()):
        return None
    from pydantic import ValidationError  # noqa: PLC0415 - takes long to import

    from ecg_contract.options import AnalysisOptions  # noqa: PLC0415

    try:
        AnalysisOptions(**counts)
    except ValidationError as error:
        wrong = ("".join((*map(str, e["loc"]), " ", e["msg"].removeprefix("Value error, "))) for e in error.errors())
        return "; ".join(one.strip() for one in wrong)
    return None


def _model_settings(arguments: argparse.Namespace) -> dict[str, str]:
    """The settings that options of this command stand for."""
    given = {name: getattr(arguments, name) for name in ("asr_model", "asr_compute_type", "asr_batch_size")}
    return {name.upper(): str(value) for name, value in given.items() if value is not None}


def _analyze(arguments: argparse.Namespace, name: str, outputs: Sequence[Path]) -> int:
    with tempfile.TemporaryDirectory(prefix="ecg-") as folder:
        work = Path(folder)
        source = _copied_stdin(work) if name == _STDIN else _source(name)
        assert source is not None
        job = _job(arguments, source, work)
        status = _attempt(job, work, arguments.verbose)
        if status and job["device"] != "cpu" and _is_retried_on_cpu(status):
            complain("trying again on the CPU")
            status = _attempt({**job, "device": "cpu", "attempt": 2}, work, arguments.verbose)
        if status == 0:
            return _deliver(Path(job["resultPath"]), outputs)
        return status


def _is_retried_on_cpu(status: int) -> bool:
    """Whether the servers, too, would retry a first attempt with this exit status on the CPU."""
    from ecg_contract import attempt_outcome as outcome  # noqa: PLC0415 - pydantic takes long to import

    end = outcome.AttemptEnd(outcome.Cause.EXITED, status)
    decision = outcome.decide(end, outcome.AttemptCounts(), outcome.RetryPolicy())
    return isinstance(decision, outcome.Retry) and decision.device == "cpu"


def _copied_stdin(folder: Path) -> dict[str, str]:
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return {"path": str(path)}


def _source(source: str) -> dict[str, str] | None:
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", source):
        return {"url": source}
    return {"path": str(Path(source).resolve())} if Path(source).is_file() else None


def _job(arguments: argparse.Namespace, source: dict[str, str], folder: Path) -> dict[str, Any]:
    """A `PipelineJob` as JSON; a test checks it against the model."""
    return {
        "jobId": f"analyze-{os.getpid()}",
        "attempt": 1,
        "source": source,
        "language": arguments.language,
        "emotionDetection": not arguments.no_emotion,
        "numSpeakers": arguments.num_speakers,
        "minSpeakers": arguments.min_speakers,
        "maxSpeakers": arguments.max_speakers,
        "vocabulary": arguments.vocabulary,
        "device": arguments.device,
        "maxWorkers": min(os.cpu_count() or 4, 64),
        "resultPath": str(folder / "result.json"),
    }


def _attempt(job: dict[str, Any], folder: Path, verbose: bool) -> int:
    """Run the job in a child process; returns its exit status as a shell does: 128 + signal where one killed it."""
    job_file, log_file = folder / "job.json", folder / "log"
    job_file.write_text(json.dumps(job))
    with log_file.open("w") as log:
        child = subprocess.Popen(  # noqa: S603 - our own module, the source is a value in a file
            [sys.executable, "-m", "ecg_pipeline", "--job", str(job_file)],
            stdout=subprocess.PIPE,
            stderr=None if verbose else log,
        )
        try:
            error = _follow(child.stdout)
            status = child.wait()
        finally:
            _stop(child)
    if status != 0:
        _explain(status, error, log_file)
    return status if status >= 0 else 128 - status


def _follow(reports: IO[bytes] | None) -> dict[str, str] | None:
    """Show the progress and the notes of each `Report` line; returns the last error that one of them had."""
    assert reports is not None
    progress, error, notes = Progress(), None, 0
    for line in reports:
        try:
            status = json.loads(line).get("status") or {}
        except ValueError:
            continue
        error = status.get("error") or error
        for note in status.get("notes", ())[notes:]:
            progress.done()
            complain(f"note: {note}")
            notes += 1
        if "stage" in status:
            progress.show(status.get("progress", 0.0), progress_message(status))
    progress.done()
    return error


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _explain(status: int, error: dict[str, str] | None, log_file: Path) -> None:
    if error:
        complain(f"{error['code']}: {error['message']}")
        return
    complain(f"the pipeline ended with status {status}; its last lines:")
    complain("\n".join(log_file.read_text(errors="replace").splitlines()[-_TAIL_LINES:]))


def _deliver(result: Path, outputs: Sequence[Path]) -> int:
    if not result.is_file():
        complain("the pipeline ended well and left no result")
        return _DIED
    text = result.read_text(encoding="utf-8")
    for line in transcript(json.loads(text)):
        say(line)
    written = [saved(in_format(text, output.suffix), output) for output in outputs]
    return 0 if all(written) else _DIED
