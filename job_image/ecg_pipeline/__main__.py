"""`python -m ecg_pipeline --job FILE` runs one job; `--pod-task FILE` runs the one of a Kubernetes pod; `--serve` runs
jobs from stdin and keeps the models loaded; `--fetch` downloads the media of jobs from stdin; `--self-test` checks
libraries, GPU and models; `--pull-models`, `--list-models` and `--verify-models` are about the configured models in the
cache.

Reports go to stdout as lines (`ecg_contract.host_protocol.Report`), in a Kubernetes pod to the API server. Logs are
JSON lines on stderr. The exit status is an `ecg_contract.errors.ExitCode`, 143 after SIGTERM, or 2 for an invalid
setting or argument.
"""

import argparse
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import ValidationError

from ecg_common.load_settings import load_settings
from ecg_contract.errors import ExitCode
from ecg_contract.host_protocol import PipelineJob
from ecg_pipeline.analysis.model_cache import ModelCache
from ecg_pipeline.doctor.self_test import self_test
from ecg_pipeline.engines.libraries import Libraries
from ecg_pipeline.hosts.pod.settings import PodSettings
from ecg_pipeline.hosts.pod.task_file import read_task
from ecg_pipeline.hosts.select import beside_a_host
from ecg_pipeline.memory import keep_freed_memory
from ecg_pipeline.process import logs
from ecg_pipeline.process.fetch_runner import FetchRunner
from ecg_pipeline.process.job_runner import JobRunner
from ecg_pipeline.process.one_job import OneJob
from ecg_pipeline.process.pod import PodProcess
from ecg_pipeline.process.process_setup import claim_stdout, die_with_parent, exit_on_sigterm
from ecg_pipeline.process.serve import serve
from ecg_pipeline.settings import PipelineSettings

_USAGE = 2
_COLLECT_AFTER = 100_000
"""Allocations between two garbage collections: the default of 700 makes imports 10 % slower."""
_T = TypeVar("_T")
_log = logging.getLogger("ecg_pipeline")


def main() -> None:
    arguments = _arguments()
    die_with_parent()
    keep_freed_memory()
    gc.set_threshold(_COLLECT_AFTER, 50, 100)
    stdout = claim_stdout()
    settings = load_settings(PipelineSettings)
    job = _read(arguments.job, lambda file: PipelineJob.model_validate_json(file.read_bytes()))
    task = _read(arguments.pod_task, read_task)
    job_fields = logs.configure(settings.log_file, settings.log_level)
    clean_up = partial(shutil.rmtree, _scratch(settings.work_dir), ignore_errors=True)
    exit_on_sigterm(clean_up)
    libraries = Libraries(settings)
    if arguments.models is not None:
        status = _in_thread(lambda: _models(arguments, settings, stdout))
    elif arguments.fetch:
        status = _in_thread(lambda: _fetch(settings, job_fields, stdout))
    elif arguments.self_test:
        status = _in_thread(lambda: self_test(libraries, settings, stdout))
    elif arguments.pod_task is not None:
        process = PodProcess(settings, libraries, load_settings(PodSettings), job_fields, clean_up)
        status = _in_thread(lambda: process.run(task) if task else process.stand_by(arguments.pod_task))
    else:
        lines, sink = beside_a_host(stdout)
        on_models = lines.models if settings.eager_models and job is None else None
        models = ModelCache(for_one_job=job is not None)
        runner = JobRunner(settings, libraries, lines, sink, job_fields, on_models, models)
        ready = partial(lines.ready, runner.missing_models)
        status = _in_thread(lambda: runner.run(job) if job else serve(runner, sys.stdin.buffer, ready))
    clean_up()
    logging.shutdown()
    os._exit(status)  # not sys.exit, which would wait for models that still load in the background


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ecg_pipeline")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--job", type=Path, metavar="FILE", help="a PipelineJob in JSON")
    pod = "in a pod: a PodTask in JSON; while the file is empty, stand by for it with the models loaded"
    how.add_argument("--pod-task", type=Path, metavar="FILE", help=pod)
    how.add_argument("--fetch", action="store_true", help="the same for downloads alone: resultPath gets the media")
    how.add_argument("--self-test", action="store_true", help="load the libraries; say what GPU and models there are")
    how.add_argument("--serve", action="store_true", help="read a PipelineJob a line from stdin, until its end")
    for name, text in (
        ("pull", "download the configured models into the cache"),
        ("list", "say which of them are there"),
        ("verify", "read them and compare their digests"),
    ):
        how.add_argument(f"--{name}-models", dest="models", action="store_const", const=name, help=text)
    languages = "with these three: of the models for a language only those of CODES, such as ko,en"
    parser.add_argument("--languages", type=lambda text: text.split(","), default=(), metavar="CODES", help=languages)
    return parser.parse_args()


def _models(arguments: argparse.Namespace, settings: PipelineSettings, stdout: BinaryIO) -> int:
    from ecg_pipeline.model_files import commands  # noqa: PLC0415 - imports libraries that jobs import later

    command = {"pull": commands.pull, "list": commands.show, "verify": commands.verify}[arguments.models]
    try:
        return command(settings, arguments.languages, stdout)
    except BrokenPipeError:  # `| head`
        return 1


def _fetch(settings: PipelineSettings, job_fields: logs.JobFields, stdout: BinaryIO) -> int:
    lines, _ = beside_a_host(stdout)
    return serve(FetchRunner(OneJob(settings, lines, job_fields)), sys.stdin.buffer, lines.ready)


def _read(file: Path | None, parse: Callable[[Path], _T]) -> _T | None:
    """What the file has, if there is one. Exits with 2 where it is invalid."""
    try:
        return parse(file) if file else None
    except (ValidationError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_USAGE)


def _scratch(parent: Path | None) -> Path:
    """Create the folder for all temporary files of this process."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ecg-pipeline-", dir=parent))
    tempfile.tempdir = str(folder)
    return folder


def _in_thread(work: Callable[[], int]) -> int:
    """The exit status of `work`, which runs in another thread so that the main thread can handle signals."""
    try:
        return ThreadPoolExecutor(1, thread_name_prefix="work").submit(work).result()
    except BaseException as error:
        _log.critical("pipeline_died", exc_info=error)
        return int(ExitCode.PROCESSING)


if __name__ == "__main__":
    main()
