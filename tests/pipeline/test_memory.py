"""Memory that a library frees is used again."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, threading
from ecg_pipeline.memory import keep_freed_memory, return_freed_memory
{before}

def work():
    for _ in range(40):
        b"x" * 40_000_000  # 9,700 pages

for _ in range(2):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
kept = resident()
return_freed_memory()
print(kept - resident())
"""


def _faults_and_returned_bytes(before: str) -> tuple[int, int]:
    command = [sys.executable, "-c", PROGRAM.format(before=before)]
    faults, returned = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    return int(faults), int(returned)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's parameters")
def test_large_arrays_of_threads_are_mapped_once() -> None:
    without, _ = _faults_and_returned_bytes("")
    faults, returned = _faults_and_returned_bytes("keep_freed_memory()")
    assert without > 80 * 9_000
    assert faults < without / 10
    assert returned > 30_000_000, "kept, and given back when asked"
