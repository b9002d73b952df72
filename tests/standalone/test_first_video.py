"""The README's first video: its commands, typed as they stand there, print what stands there."""

import os
import re
import subprocess
from pathlib import Path

from support.pipeline_process import ROOT

_SECTION = re.compile(r"### A first video, by hand\n.*?```console\n(.*?)```.*?```\n(.*?)```", re.DOTALL)
_ENVIRONMENT = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def test_the_readmes_first_video(tmp_path: Path) -> None:
    section = _SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert section is not None
    commands = re.sub(r"^\$ ", "", section[1], flags=re.MULTILINE).replace("server.log", str(tmp_path / "server.log"))
    environment = {name: value for name, value in os.environ.items() if name not in _ENVIRONMENT}
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=ROOT,
        env={**environment, "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.stdout == section[2], done.stderr
