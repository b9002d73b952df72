"""`ecg bench`: has the pipeline's package measure what the configured models cost on this machine.

The figures are printed by a child process, which has the pipeline's libraries.
"""

import argparse
import json
import subprocess
import sys

from ecg_api.cli.terminal import complain

_USAGE = 2


def run(arguments: argparse.Namespace) -> int:
    if missing := [str(file) for file in arguments.files if not file.is_file()]:
        complain(f"ecg bench: there is no file {', '.join(missing)}")
        return _USAGE
    if arguments.runs < 1:
        complain("ecg bench: --runs must be at least 1")
        return _USAGE
    command = [sys.executable, "-m", "ecg_pipeline.bench", json.dumps(request(arguments))]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own module


def request(arguments: argparse.Namespace) -> dict[str, object]:
    """A `BenchRequest` as JSON; a test checks it against the model."""
    return {
        "files": [str(file) for file in arguments.files],
        "language": arguments.language,
        "emotion": not arguments.no_emotion,
        "cpu": arguments.device == "cpu",
        "runs": arguments.runs,
        "against": arguments.against,
        "gpu_check": arguments.gpu_check,
        "json_file": str(arguments.json) if arguments.json else None,
    }
