"""A program of the project as its own process, which can be killed, stopped and started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_dev.waiting import wait_until

LAST_WORDS = 3000
"""Characters of the log that a failed assertion shows."""


def environment_without(*prefixes: str) -> dict[str, str]:
    """This process's environment without the variables with these prefixes."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


class Program:
    """Python with `arguments`, not started yet. `log` collects the output of all its runs."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._command, self._environment = [sys.executable, *arguments], dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> subprocess.Popen[bytes]:
        """Start a process and return it without keeping it."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command, env=self._environment, stderr=log, stdout=log, stdin=subprocess.DEVNULL
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 20.0) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def log_lines(self) -> list[dict[str, Any]]:
        """The JSON lines logged so far, without one that is being written."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def wait_for_log(self, event: str, times: int = 1, timeout: float = 30.0) -> dict[str, Any]:
        """Wait for `times` log lines with this event; returns the last."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.log_lines() if line["event"] == event]

        wait_until(lambda: len(found()) >= times, timeout, self.last_words)
        return found()[-1]

    def last_words(self) -> str:
        return self.log.read_text()[-LAST_WORDS:]
