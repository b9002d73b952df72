"""Breaks each promise's code once, in a copy of the tree, and sees a test of `make test` fail."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from judged import BrokenError
from mutation import Mutation
from mutation_list import MUTATIONS
from proof_progress import Progress, figure

ROOT = Path(__file__).parents[1]
PATHS = ("contract", "client", "api", "operator", "job_image", "dev", "tests")
_UNTRACKED = ("demo/models/diarization/config.yaml",)
_LIMIT_S = 240
_PASSED, _FAILED = 0, 1
_TIME_IS_UP = "Timeout ("
"""In the output of pytest where a test took longer than its limit."""
_PROBE = "import ecg_contract, ecg_common, ecg_callbacks, ecg_cluster, ecg_api, ecg_operator, ecg_pipeline; "
_PROBE += "print(*(m.__path__[0] for m in (ecg_contract, ecg_common, ecg_callbacks, ecg_cluster, ecg_api, "
_PROBE += "ecg_operator, ecg_pipeline)), sep='\\n')"


class End(StrEnum):
    """What became of a mutation."""

    FAILED = "noticed by an assertion"
    TIMED_OUT = "noticed by a time limit alone"
    SURVIVED = "survived"


def main(_seed: int) -> None:
    progress = Progress("mutations", every_s=5.0)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        _copy_tree(copy)
        environment = _environment(copy)
        _check_imports(copy, environment)
        _check_unbroken(copy, environment)
        ends = {}
        for number, mutation in enumerate(MUTATIONS, 1):
            ends[mutation] = _end(mutation, copy, environment)
            progress.say(f"{number} of {len(MUTATIONS)}, {list(ends.values()).count(End.SURVIVED)} survived")
    promises = sorted({mutation.promise for mutation in MUTATIONS})
    counts = ", ".join(f"{list(ends.values()).count(end)} {end}" for end in End)
    figure(f"{len(MUTATIONS)} mutations of {len(promises)} promises ({promises}): {counts}")
    for mutation in (m for m, end in ends.items() if end is End.TIMED_OUT):
        figure(f"  {End.TIMED_OUT}: {_text(mutation)}")
    survivors = [_text(mutation) for mutation, end in ends.items() if end is End.SURVIVED]
    if survivors:
        raise BrokenError("no test noticed:\n" + "\n".join(survivors))


def _text(mutation: Mutation) -> str:
    return f"promise {mutation.promise}, {mutation.file}: {mutation.old!r} -> {mutation.new!r}"


def _copy_tree(copy: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in [*filter(None, listed.split("\0")), *_UNTRACKED]:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def _environment(copy: Path) -> dict[str, str]:
    """The copy's folders stand before those of the installation; no byte code, as a change may keep size and time."""
    path = os.pathsep.join(str(copy / folder) for folder in PATHS)
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def _check_imports(copy: Path, environment: Mapping[str, str]) -> None:
    """Raises BrokenError where a package is not the copy's."""
    ran = subprocess.run(
        [sys.executable, "-c", _PROBE], cwd=copy, env=dict(environment), check=True, capture_output=True, text=True
    )
    if foreign := [line for line in ran.stdout.split() if not line.startswith(f"{copy}/")]:
        raise BrokenError(f"not imported from the copy: {foreign}")


def _check_unbroken(copy: Path, environment: Mapping[str, str]) -> None:
    """Raises BrokenError where the tests fail without a mutation: their failure would prove nothing."""
    tests = sorted({test for mutation in MUTATIONS for test in mutation.tests.split()})
    code, output = _pytest(" ".join(tests), copy, environment)
    if code != _PASSED:
        raise BrokenError(f"the tests fail without any mutation:\n{output}")


def _end(mutation: Mutation, copy: Path, environment: Mapping[str, str]) -> End:
    file = copy / mutation.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise BrokenError(f"{mutation.file} has {mutation.old!r} {text.count(mutation.old)} times, not once")
    file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        compile(file.read_text(encoding="utf-8"), str(file), "exec")
        code, output = _pytest(mutation.tests, copy, environment)
    finally:
        file.write_text(text, encoding="utf-8")
    if code not in (_PASSED, _FAILED):
        raise BrokenError(f"{mutation.file}, {mutation.old!r}: pytest ended with {code}:\n{output}")
    if code == _PASSED:
        return End.SURVIVED
    return End.TIMED_OUT if _TIME_IS_UP in output else End.FAILED


def _pytest(tests: str, copy: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """pytest's exit code and the end of its output; a run over the time limit counts as failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout=60", *tests.split()]
    try:
        ran = subprocess.run(
            command, cwd=copy, env=dict(environment), capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _FAILED, f"{_TIME_IS_UP}{_LIMIT_S} s)"
    return ran.returncode, ran.stdout[-2000:] + ran.stderr[-500:]
