"""Operators forked from one parent process that has done all imports (`support.crashing_operator`)."""

import json
import subprocess
import sys
import threading
from pathlib import Path

_TESTS = Path(__file__).parents[1]


class Forks:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "support.crashing_operator"]
        self._parent = subprocess.Popen(command, cwd=_TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def fork(self, environment: dict[str, str]) -> int:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        with self._lock:
            self._parent.stdin.write(json.dumps(environment) + "\n")
            self._parent.stdin.flush()
            return int(self._parent.stdout.readline())

    def close(self) -> None:
        self._parent.kill()
        self._parent.wait()
