"""`python -m ecg_pipeline --self-test`: checks an image and prints one line per finding.

Loads the libraries and the models in local folders; models that a job would download are only listed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ecg_common.checks import Finding, Grade
from ecg_pipeline.doctor.checks import check_gpu
from ecg_pipeline.doctor.models import load_check, model_checks
from ecg_pipeline.ports import Engines
from ecg_pipeline.settings import PipelineSettings


def self_test(engines: Engines, settings: PipelineSettings, out: BinaryIO) -> int:
    """Returns the exit status: 1 when jobs would fail, else 0."""
    failed = False
    for finding in _findings(engines, settings):
        failed |= finding.grade is Grade.FAIL
        advice = f"{'':24}{finding.advice}\n" if finding.advice else ""
        out.write(f"{finding.grade:6}{finding.name:18}{finding.found}\n{advice}".encode())
        out.flush()
    return int(failed)


def _findings(engines: Engines, settings: PipelineSettings) -> Iterator[Finding]:
    from ecg_pipeline.engines.versions import check_cudnn, check_libraries  # noqa: PLC0415 - loads libraries

    yield check_gpu()
    libraries = list(check_libraries())
    yield from libraries
    if any(finding.grade is Grade.FAIL for finding in libraries):
        return
    yield check_cudnn()
    for check in model_checks(engines, settings, engines.device("auto")):
        if check.setting and not Path(check.model).exists():
            yield Finding.ok(check.purpose, f"{check.model}: comes from the hub when a job needs it")
        else:
            yield load_check(check)
