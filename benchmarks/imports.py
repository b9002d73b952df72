"""Imports before models can be read, compared with those of the `whisperx` command; and whose they are.

The packages' own seconds are Python's (`-X importtime`), of one run of ours. It says nothing of a module that
`importlib.import_module` imports; what that one imports counts for the module above it.
"""

import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

OURS = """
import gc
gc.set_threshold(100_000, 50, 100)  # as the pipeline's process has it
from ecg_pipeline.engines.unused_modules import import_late
import_late()
import ecg_pipeline.engines.vad
import ecg_pipeline.engines.diarization
import ecg_pipeline.engines.asr
import ecg_pipeline.engines.alignment
import ecg_pipeline.engines.ctc
import ecg_pipeline.engines.emotion
import ecg_pipeline.acoustics
"""
THEIRS = "import whisperx.__main__, whisperx.transcribe\n"
AT_ONCE = "import os; os._exit(0)"
"""The end of a process with as many modules takes longer than half a second."""
GOAL_S = 2.5
PAIRS = 5
SHOWN = 16
_LINE = re.compile(r"import time:\s+(?P<own>\d+) \|\s+\d+ \|(?P<indent>\s+)(?P<module>\S+)")


class Imported(NamedTuple):
    """A module, the seconds of its own code, and the nearest module of another package above it."""

    package: str
    seconds: float
    importer: str


def main() -> None:
    ours, theirs = [], []
    for _ in range(PAIRS):
        ours.append(_seconds(OURS))
        theirs.append(_seconds(THEIRS))
    own, rival = statistics.median(ours), statistics.median(theirs)
    print(f"imports, median of {PAIRS}: {own:.1f} s (goal: {GOAL_S}), whisperx {rival:.1f} s; ratio {own / rival:.2f}")
    seconds: defaultdict[str, float] = defaultdict(float)
    importers: dict[str, str] = {}
    for module in _imported(_log_of(OURS)):
        seconds[module.package] += module.seconds
        importers[module.package] = module.importer  # of the first one, which the log has last
    print("package            seconds  first imported by")
    for package in sorted(seconds, key=seconds.__getitem__, reverse=True)[:SHOWN]:
        print(f"{package:18} {seconds[package]:7.2f}  {importers[package]}")
    print(f"{len(seconds) - SHOWN} others {sum(sorted(seconds.values())[:-SHOWN]):12.2f}")


def _seconds(code: str) -> float:
    began = time.perf_counter()
    _run(code)
    return time.perf_counter() - began


def _log_of(code: str) -> Sequence[str]:
    return _run(code, "-X", "importtime").splitlines()


def _run(code: str, *options: str) -> str:
    """What it writes to stderr."""
    command = [sys.executable, *options, "-c", code + AT_ONCE]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def _imported(log: Sequence[str]) -> Iterator[Imported]:
    """In reverse: a module's line follows those of the modules that it imports, which are indented more."""
    above: list[tuple[int, str]] = []
    for line in reversed(log):
        if not (found := _LINE.match(line)):
            continue
        indent, module = len(found["indent"]), found["module"]
        while above and above[-1][0] >= indent:
            above.pop()
        package = _package(module)
        importer = next((name for _, name in reversed(above) if _package(name) != package), "the command")
        above.append((indent, module))
        yield Imported(package, int(found["own"]) / 1e6, importer)


def _package(module: str) -> str:
    return module.partition(".")[0]


if __name__ == "__main__":
    main()
