"""The arguments of the commands that ask a server about jobs, and those that they share with others."""

import argparse
from pathlib import Path
from typing import Any

from ecg_contract.languages import Language

_STATES = ("queued", "running", "completed", "failed", "cancelled")
FORMATS = ("json", "srt", "vtt", "txt", "tsv")


def add_job_commands(commands: Any) -> list[argparse.ArgumentParser]:
    """Their parsers, which do not say yet which server is asked."""
    known = set(commands.choices)
    _add_submit(_added(commands, "submit", "analyse videos on a server: URLs, or files, which are sent there"))
    _add_list(_added(commands, "list", "list a server's jobs, the newest first"))
    for name, text in (
        ("get", "show a job's status as JSON"),
        ("watch", "show a job's progress to its end; status 1 where it fails"),
        ("cancel", "stop jobs, and keep their records"),
        ("retry", "run failed or cancelled jobs again"),
        ("delete", "stop jobs and remove them"),
        ("callbacks", "list the tries of a job's callbacks"),
        ("attempts", "list a job's attempts: on what, when, how each ended"),
    ):
        _added(commands, name, text).add_argument("job_ids", metavar="JOB_ID", nargs="+")
    result = _added(commands, "result", "print a job's result")
    result.add_argument("job_id", metavar="JOB_ID")
    result.add_argument("-f", "--format", choices=FORMATS, default="json")
    result.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it here instead")
    return [parser for name, parser in commands.choices.items() if name not in known]


def add_server(parser: argparse.ArgumentParser) -> None:
    where = "the API server (default: ECG_SERVER, else this machine, setting PORT); ECG_API_KEY has the key"
    parser.add_argument("--server", metavar="URL", help=where)


def add_options(parser: argparse.ArgumentParser) -> None:
    spoken = "auto (default), ko, en, ja, zh or the code of another language that Whisper has"
    codes = [language.value for language in Language]
    parser.add_argument("--language", choices=codes, default="auto", type=str.lower, metavar="CODE", help=spoken)
    parser.add_argument("--no-emotion", action="store_true", help="leave emotion out")
    device = "auto (default) takes the GPU where there is one, cpu leaves it alone"
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto", help=device)
    parser.add_argument("--cpu", action="store_const", const="cpu", dest="device", help="the same as --device cpu")


def add_hints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num-speakers", type=int, metavar="N", help="how many people speak, where that is known")
    parser.add_argument("--min-speakers", type=int, metavar="N", help="how many people speak at least")
    parser.add_argument("--max-speakers", type=int, metavar="N", help="how many people speak at most")
    terms = "names and terms that may be said, separated by commas"
    parser.add_argument("--vocabulary", default="", metavar="TERMS", help=terms)


def _added(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(module="jobs")
    return parser


def _add_submit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", metavar="FILE_OR_URL", nargs="+", help="http, https or s3 URL, or a file here")
    parser.add_argument("--job-id", metavar="ID", help="of a single URL; else a UUID for each")
    parser.add_argument("--backend", metavar="URL", help="where callbacks go (fastapi_base_url)")
    parser.add_argument("--metadata", metavar="NAME=VALUE", action="append", default=[], help="kept with the job")
    parser.add_argument("--priority", type=int, default=0, metavar="N", help="a higher one goes first")
    parser.add_argument("--watch", action="store_true", help="show the progress of each to its end")
    add_options(parser)
    add_hints(parser)


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=_STATES, action="append", default=[], help="may be given several times")
    parser.add_argument("--language", metavar="CODE")
    parser.add_argument("--since", metavar="TIME", help="submitted at this time or later, such as 2026-11-25T08:00:00Z")
    parser.add_argument("--before", metavar="TIME")
    parser.add_argument("--metadata", metavar="NAME=VALUE", action="append", default=[])
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="most jobs (default: 50)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each job")
