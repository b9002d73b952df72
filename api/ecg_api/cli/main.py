"""The command `ecg`. Only the module of the given subcommand is imported."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ecg_api.cli.job_arguments import FORMATS, add_hints, add_job_commands, add_options, add_server
from ecg_contract.version import SPECIFICATION_VERSION, VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    arguments = parser().parse_args(argv)
    if arguments.env_file is not None:
        load_env_file(arguments.env_file)
    command = importlib.import_module(f"ecg_api.cli.{arguments.module or arguments.command}")
    try:
        return int(command.run(arguments))
    except KeyboardInterrupt:
        return 130


def load_env_file(path: Path) -> None:
    """Set environment variables from a file, except those already set. Exits with status 2 when it cannot be read."""
    from dotenv import dotenv_values  # noqa: PLC0415 - not needed without the option

    if not path.is_file():
        _refuse(f"there is no file {path}")
    try:
        values = dotenv_values(path)
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a NUL byte
        _refuse(f"{path} is no file of settings, a line NAME=VALUE each: {error}")
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"ecg: {why}\n")
    sys.exit(2)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="ecg", description="Who said what, when, how loud, how high.")
    top.add_argument("--version", action="version", version=f"ecg {VERSION}, ML server API {SPECIFICATION_VERSION}")
    top.add_argument("--env-file", type=Path, metavar="FILE", help="settings; the environment goes before them")
    top.set_defaults(module=None)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="run the API server with its own queue and pipeline"))
    _add_analyze(commands.add_parser("analyze", help="analyse files or URLs, without a server"))
    doctor = commands.add_parser("doctor", help="check GPU, models, rights and addresses, and say what to do")
    doctor.add_argument("--no-models", action="store_true", help="do not load the models")
    _add_models_command(commands.add_parser("models", help="download, list or verify the configured models"))
    _add_bench(commands.add_parser("bench", help="measure what the configured models cost on this machine"))
    _add_redeliver(commands.add_parser("redeliver", help="list, or send again, final callbacks that never arrived"))
    for of_jobs in add_job_commands(commands):
        add_server(of_jobs)
    _add_fakes(commands)
    _add_key(commands.add_parser("key", help="make an API key (setting API_KEYS_FILE)"))
    commands.add_parser("secret", help="make a secret that signs callbacks (setting CALLBACK_SECRET)")
    completion = commands.add_parser("completion", help='print a shell\'s completions: eval "$(ecg completion bash)"')
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    return top


def _add_fakes(commands: Any) -> None:
    backend = commands.add_parser("fake-backend", help="print and check the callbacks that come to this machine")
    backend.set_defaults(module="fake_backend")
    backend.add_argument("--port", type=int, default=8003, help="default: 8003; 0 takes a free one")
    backend.add_argument("--once", action="store_true", help="end after a job's last callback; status 1 after a fault")
    backend.add_argument("--fail", type=int, default=0, metavar="N", help="answer 503 to the first N requests")
    callbacks = commands.add_parser("fake-callbacks", help="send a backend what it gets of jobs, without a job")
    callbacks.set_defaults(module="fake_callbacks")
    callbacks.add_argument("url", metavar="URL", help="the backend's fastapi_base_url")
    callbacks.add_argument("--job-id", default="fake-job", metavar="ID")
    callbacks.add_argument("--failed", action="store_true", help="a job that fails after 40 %%")
    callbacks.add_argument("--twice", action="store_true", help="each callback twice, as when an answer was lost")
    callbacks.add_argument("--pause", type=float, default=0.0, metavar="SECONDS", help="between two callbacks")
    callbacks.add_argument("--result", type=Path, metavar="FILE", help="a result to send instead of a small one")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="who gets it; it stands in the log")
    parser.add_argument("--file", type=Path, metavar="FILE", help="add its digest to this file; else it is printed")
    parser.add_argument("--requests-per-minute", type=int, metavar="N", help="most requests a minute (default: any)")
    parser.add_argument("--queued-jobs", type=int, metavar="N", help="most of its jobs that may wait (default: any)")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (setting HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (setting PORT)")
    parser.add_argument("--data-dir", type=Path, help="where jobs and results are kept (setting DATA_DIR)")


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    what = "local files, http, https or s3 URLs; - reads a file from standard input"
    parser.add_argument("sources", metavar="FILE_OR_URL", nargs="+", help=what)
    ending = "write the result here, in the format of the ending: .srt, .vtt, .txt, .tsv, else JSON"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=ending)
    several = "write SOURCE's name with this ending; may be given several times"
    parser.add_argument("-f", "--output-format", action="append", choices=FORMATS, default=[], help=several)
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="where --output-format writes; else here")
    add_options(parser)
    add_hints(parser)
    _add_models(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="show the pipeline's log lines")


def _add_models(parser: argparse.ArgumentParser) -> None:
    """Each stands for the setting of its `dest`."""
    parser.add_argument("--model", dest="asr_model", metavar="NAME", help="Whisper model (setting ASR_MODEL)")
    types = "float16, int8, ... (setting ASR_COMPUTE_TYPE)"
    parser.add_argument("--compute-type", dest="asr_compute_type", metavar="TYPE", help=types)
    size = "chunks that Whisper is given at a time (setting ASR_BATCH_SIZE)"
    parser.add_argument("--batch-size", dest="asr_batch_size", type=int, metavar="N", help=size)


def _add_models_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("pull", "list", "verify"), help="pull downloads what the cache lacks")
    some = "of the models for a language only those of CODES, such as ko,en"
    parser.add_argument("--languages", metavar="CODES", help=some)


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a local video or sound file")
    add_options(parser)
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="runs, or pairs of runs, of which the median")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--against", choices=("whisperx",), help="compare with the stock command on the same file")
    how.add_argument(
        "--gpu-check",
        action="store_true",
        help="compare GPU and CPU, float16 and float32, and run with less and less of the GPU's memory",
    )


def _add_redeliver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job_id", nargs="?", metavar="JOB_ID", help="the job; without it, undelivered ones are listed")
    add_server(parser)
