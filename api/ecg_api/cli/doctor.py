"""`ecg doctor`: checks an installation before its first job, and prints what to do about each problem.

Data directory and backend are checked here; the pipeline, with models and GPU, by a child process.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ecg_api.cli.terminal import Working, complain, say
from ecg_api.settings import Settings
from ecg_api.standalone.settings import StandaloneSettings
from ecg_common.checks import Check, Finding, Grade, findings_of
from ecg_common.load_settings import load_settings
from ecg_common.setting_types import GIB

_TIMEOUT_S = 5.0
_MIN_FREE_BYTES = 20 * GIB
"""Bytes for two downloads of the maximum size."""


def run(arguments: argparse.Namespace) -> int:
    settings, standalone = load_settings(Settings), load_settings(StandaloneSettings)
    grades, working = [], Working()
    for finding in _findings(settings, standalone, arguments.no_models, working):
        grades.append(finding.grade)
        working.done()
        advice = f"\n      -> {finding.advice}" if finding.advice else ""
        say(f"{finding.grade:4}  {finding.name}: {finding.found}{advice}")
    failures, warnings = grades.count(Grade.FAIL), grades.count(Grade.WARN)
    say(f"{len(grades)} checks: {failures} failed, {warnings} with a warning")
    return 1 if failures else 0


def _findings(
    settings: Settings, standalone: StandaloneSettings, no_models: bool, working: Working
) -> Iterator[Finding]:
    here = (
        Check("data directory", lambda: [check_data_dir(standalone.data_dir)]),
        Check("backend", lambda: [check_backend(settings.backend_url)]),
    )
    yield from findings_of(here, working.show)
    yield from check_pipeline(no_models, working.show)


def check_data_dir(folder: Path) -> Finding:
    """Check that the data directory is writable and has space for downloads."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "create the folder for this user, or set DATA_DIR to one that can be written"
        return Finding.fail("data directory", f"{folder}: {error.strerror}", advice)
    found = f"{folder} is writable, {free / GIB:.0f} GiB free"
    if free < _MIN_FREE_BYTES:
        advice = f"give it {_MIN_FREE_BYTES // GIB} GiB: a download may take 10 GiB, an upload 2 GiB"
        return Finding.warn("data directory", found, advice)
    return Finding.ok("data directory", found)


def check_backend(url: str | None) -> Finding:
    """Check that the backend answers, with any status: its result endpoint only accepts POST."""
    if not url:
        advice = "set BACKEND_URL, or send fastapi_base_url with every request"
        return Finding.warn("backend", "BACKEND_URL is not set", advice)
    host = urlsplit(url).netloc  # the settings allow no credentials in it
    try:
        urllib.request.urlopen(url, timeout=_TIMEOUT_S).close()  # noqa: S310 - the settings checked the scheme
    except urllib.error.HTTPError as error:
        return Finding.ok("backend", f"{host} answers ({error.code})")
    except (OSError, ValueError) as error:
        advice = "check BACKEND_URL, DNS and security groups"
        return Finding.fail("backend", f"{host} does not answer: {getattr(error, 'reason', error)}", advice)
    return Finding.ok("backend", f"{host} answers")


def check_pipeline(
    no_models: bool, begun: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """The findings of `python -m ecg_pipeline.doctor`, as it prints them; `begun` gets each check's name before."""
    command = [sys.executable, "-m", "ecg_pipeline.doctor", *(["--no-models"] if no_models else [])]
    with tempfile.TemporaryFile("w+") as log:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)  # noqa: S603 - ours
        assert child.stdout is not None
        for line in child.stdout:
            told = json.loads(line)
            if "checking" in told:
                begun(told["checking"])
            else:
                yield Finding.of_json(told)
        if child.wait() != 0:
            log.seek(0)
            complain("".join(log.readlines()[-5:]).rstrip())
            advice = "install the pipeline's packages (extra `standalone`); the lines above say what is missing"
            yield Finding.fail("pipeline", f"its checks ended with status {child.returncode}", advice)
