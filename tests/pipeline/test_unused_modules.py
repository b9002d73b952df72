"""What the model libraries import and no analysis uses."""

import json
import subprocess
import sys

import pytest

from ecg_pipeline.engines.unused_modules import PACKAGES, UNUSED

IMPORTS = """
import json, sys
import ecg_pipeline.__main__
from ecg_pipeline.engines.libraries import Libraries
from ecg_pipeline.engines.late_imports import LateModule
from ecg_pipeline.engines.unused_modules import PACKAGES, UNUSED
from ecg_pipeline.settings import PipelineSettings

Libraries(PipelineSettings()).warm_up()
import ecg_pipeline.engines.emotion, ecg_pipeline.engines.vad

def imported():
    known = {name: sys.modules.get(name) for name in (*UNUSED, *PACKAGES)}
    return [name for name, module in known.items() if module is not None and not isinstance(module, LateModule)]
"""
NOT_IMPORTED = IMPORTS + "print(json.dumps([imported(), [name for name in UNUSED if name not in sys.modules]]))"
ALL_USED = (
    IMPORTS
    + """
late = sys.meta_path[0]
for name in (*UNUSED, *PACKAGES):
    if name != "torchcodec":  # may find no ffmpeg
        assert late.imported(name).__name__ == name
import torch
from pyannote.audio.core.calibration import Calibration
assert torch._dynamo.list_backends() and not torch._dynamo.is_compiling()
from pyannote.audio.torchmetrics import DiarizationErrorRate
assert DiarizationErrorRate()(torch.ones(1, 2, 9), torch.ones(1, 2, 9)) == 0
print(json.dumps(imported()))
"""
)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def not_imported() -> subprocess.CompletedProcess[str]:
    return run(NOT_IMPORTED)


def test_no_engine_imports_them(not_imported: subprocess.CompletedProcess[str]) -> None:
    assert json.loads(not_imported.stdout)[0] == []


def test_every_one_is_named_by_a_library(not_imported: subprocess.CompletedProcess[str]) -> None:
    assert json.loads(not_imported.stdout)[1] == []


def test_the_imports_warn_of_nothing(not_imported: subprocess.CompletedProcess[str]) -> None:
    assert not_imported.stderr == ""


def test_each_can_be_imported_later() -> None:
    assert set(json.loads(run(ALL_USED).stdout)) == {*UNUSED, *PACKAGES} - {"torchcodec"}
