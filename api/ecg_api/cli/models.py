"""`ecg models pull | list | verify`: the configured models in the hub's cache, by the pipeline's process."""

import argparse
import subprocess
import sys
import tempfile

from ecg_api.cli.terminal import complain

_LAST_LINES = 5


def run(arguments: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "ecg_pipeline", f"--{arguments.action}-models"]
    if arguments.languages:
        command += ["--languages", arguments.languages]
    with tempfile.TemporaryFile("w+") as log:
        status = subprocess.run(command, stderr=log, check=False).returncode  # noqa: S603 - our own module
        if status not in (0, 1):
            log.seek(0)
            complain("".join(log.readlines()[-_LAST_LINES:]).rstrip())
    return status
