"""`python -m ecg_pipeline.doctor`: checks the pipeline's environment and models; prints one JSON `Finding` per line."""

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from ecg_common.checks import Finding
from ecg_common.load_settings import load_settings
from ecg_pipeline.doctor.checks import check_gated_model, check_gpu, check_s3
from ecg_pipeline.doctor.models import check_models
from ecg_pipeline.engines.libraries import Libraries
from ecg_pipeline.settings import PipelineSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ecg_pipeline.doctor")
    parser.add_argument("--no-models", action="store_true", help="do not load the models")
    arguments = parser.parse_args()
    with _own_stdout() as out:
        for finding in _findings(load_models=not arguments.no_models):
            print(finding.to_json(), file=out, flush=True)
    return 0


def _own_stdout() -> TextIO:
    """The real stdout, for findings only: what libraries print goes to stderr from now on."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return out


def _findings(load_models: bool) -> Iterator[Finding]:
    settings = load_settings(PipelineSettings)
    token = settings.hf_token.get_secret_value() if settings.hf_token else None
    yield check_gpu()
    yield from check_s3(settings)
    yield check_gated_model(settings.diarization_model, token)
    if load_models:
        yield from check_models(Libraries(settings), settings)


if __name__ == "__main__":
    sys.exit(main())
