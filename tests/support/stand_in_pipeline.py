"""A pipeline process without models that prints given lines and exits with given codes."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_MAIN = """
import json, os, pathlib, signal, sys
job = json.loads(pathlib.Path(sys.argv[2]).read_text())
folder = pathlib.Path(__file__).parent
with (folder / "jobs.jsonl").open("a") as seen:
    seen.write(json.dumps(job) + "\\n")
settings = {{name: value for name, value in os.environ.items() if name.startswith("ASR_")}}
(folder / "settings.json").write_text(json.dumps(settings))
code = {codes!r}[min(job["attempt"], {count}) - 1]
for line in {lines!r}:
    print(line, flush=True)
print("a log line", file=sys.stderr, flush=True)
if {result!r} and code == 0:
    pathlib.Path(job["resultPath"]).write_text(pathlib.Path({result!r}).read_text())
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


def write_pipeline(
    folder: Path, *, lines: Sequence[str] = (), codes: Sequence[int] = (0,), result: Path | None = None
) -> Mapping[str, str]:
    """The environment in which `python -m ecg_pipeline` is the stand-in; `codes` are its exit codes by attempt."""
    package = folder / "ecg_pipeline"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    filled = {"codes": list(codes), "count": len(codes), "lines": list(lines), "result": str(result or "")}
    (package / "__main__.py").write_text(_MAIN.format(**filled))
    return {**os.environ, "PYTHONPATH": str(folder)}


def settings_seen(folder: Path) -> dict[str, str]:
    """The settings of speech recognition in its environment."""
    return dict(json.loads((folder / "ecg_pipeline/settings.json").read_text()))


def jobs_seen(folder: Path) -> list[str]:
    """The jobs that it got, one line of JSON each."""
    return (folder / "ecg_pipeline/jobs.jsonl").read_text().splitlines()
