"""A pipeline process without models that speaks the real protocol and follows a script.

A script is a list of attempts, the last one for all that follow; an attempt is a list of steps:

    "stage:vad"     the stage begins (the download's: is complete)
    "hold"          wait until the test calls `release`
    "work:0.1"      take these seconds
    "exit:134"      end with this code (negative: by this signal)
    "stop"          freeze, as SIGSTOP does
    "silence"       report nothing more, and wait
    "garbage"       print lines that are not reports
    "fail:DOWNLOAD_ERROR"   finish with this error
    "gpu-memory:1"  finish with 14, and end a second later (without a number: at once)
    "no-result"     finish with 0 and without a result

An attempt without a final step goes through the remaining stages and finishes with a result. Downloads succeed at once,
unless `fetching` says something else.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

Script = Sequence[Sequence[str]]

_MAIN = Path(__file__).with_name("scripted_pipeline_main.py")


class ScriptedPipeline:
    """With `environment`, `python -m ecg_pipeline` runs this process."""

    def __init__(self, folder: Path, *script: Sequence[str]) -> None:
        self._folder = folder
        package = folder / "ecg_pipeline"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(_MAIN.read_text())
        (folder / "script.json").write_text(json.dumps(script or [[]]))

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join(filter(None, (str(self._folder), os.environ.get("PYTHONPATH"))))
        return {**os.environ, "PYTHONPATH": path, "SCRIPT_FOLDER": str(self._folder)}

    def fetching(self, **steps: Sequence[str]) -> None:
        """The steps of the downloads of jobs, by id."""
        (self._folder / "fetch.json").write_text(json.dumps(steps))

    def release(self) -> None:
        """Let all `hold` steps continue, now and later."""
        (self._folder / "released").touch()

    def seen(self) -> list[dict[str, object]]:
        """The events of the processes in order: {"event": "ready" | "job" | "step", "pid": ...} and details."""
        log = self._folder / "seen.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def attempts(self, job_id: str) -> list[dict[str, object]]:
        return [e for e in self.seen() if e["event"] == "job" and e["job_id"] == job_id]

    def pids(self) -> list[int]:
        """The ids of all processes that were started, in order."""
        return [int(str(e["pid"])) for e in self.seen() if e["event"] == "ready"]

    def has_done(self, step: str, times: int = 1) -> bool:
        return sum(e["event"] == "step" and e["step"] == step for e in self.seen()) >= times
