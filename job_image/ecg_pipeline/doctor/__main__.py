"""`python -m ecg_pipeline.doctor`: checks the pipeline's environment and models.

Prints a line of JSON for each: `{"checking": NAME}` before a check, and a `Finding`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from ecg_common.checks import LIMIT_S, Check, findings_of
from ecg_common.load_settings import load_settings
from ecg_pipeline.doctor import checks, models
from ecg_pipeline.engines.libraries import Libraries
from ecg_pipeline.model_hub.patience import TIMEOUTS
from ecg_pipeline.settings import PipelineSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ecg_pipeline.doctor")
    parser.add_argument("--no-models", action="store_true", help="do not load the models")
    arguments = parser.parse_args()
    with _own_stdout() as out:

        def begun(name: str) -> None:
            print(json.dumps({"checking": name}), file=out, flush=True)

        for finding in findings_of(_checks(load_models=not arguments.no_models), begun):
            print(finding.to_json(), file=out, flush=True)
    return 0


def _own_stdout() -> TextIO:
    """The real stdout, for findings only: what libraries print goes to stderr from now on."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return out


def _checks(load_models: bool) -> Iterator[Check]:
    settings = load_settings(PipelineSettings)
    yield from checks.checks(settings)
    if load_models:
        patience = {"hub_timeout_s": min(settings.hub_timeout_s, LIMIT_S / TIMEOUTS)}
        yield from models.checks(Libraries(settings.model_copy(update=patience)), settings)


if __name__ == "__main__":
    sys.exit(main())
