"""Write the chart's README from Chart.yaml, and from values.yaml and its comments.

`make verify` runs this and fails when the committed file differs. An argument names another output file.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without types

CHART = Path(__file__).parents[1] / "charts" / "ecg-audio-analyzer"

_KEY = re.compile(r"( *)([A-Za-z][A-Za-z0-9]*):(?: (.*))?$")
_HEADING = """# {name}

{description}

Generated from `Chart.yaml` and `values.yaml` by `make generate`. It runs on Kubernetes {kube}, with Helm 3 and 4.

- [What any cluster needs, and the install](../../docs/kubernetes-install.md); [on EKS](../../docs/eks.md);
  [on kind](../../docs/kind.md)
- [Operating it](../../docs/kubernetes-operate.md): jobs that wait, standby pods, metrics and alerts, upgrades
- [Every setting](../../docs/configuration.md) that `api.env`, `operator.env` and `pipeline.env` take

`values.schema.json` refuses unknown names and wrong types before anything is installed.

## Values

| value | default | what it is |
|---|---|---|
"""


@dataclass(frozen=True)
class _Line:
    path: tuple[str, ...]
    default: str | None
    comment: str


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else CHART / "README.md"
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    heading = _HEADING.format(kube=chart["kubeVersion"].removesuffix("-0"), **_texts(chart))
    rows = "".join(f"{_row(line)}\n" for line in _lines((CHART / "values.yaml").read_text(encoding="utf-8")))
    target.write_text(heading + rows, encoding="utf-8")


def _texts(chart: dict[str, Any]) -> dict[str, str]:
    return {name: str(chart[name]) for name in ("name", "description")}


def _row(line: _Line) -> str:
    default = "" if line.default is None else f"`{line.default}`"
    return f"| `{'.'.join(line.path)}` | {default} | {line.comment.replace('|', '/')} |"


def _lines(text: str) -> Iterator[_Line]:
    """Every value, and every group that has a comment, in order. A comment belongs to the key below it."""
    path: list[str] = []
    comments: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("#"):
            comments.append(line.strip("# "))
            continue
        found = _KEY.fullmatch(line)
        if found is None:
            comments = [] if not line.strip() else comments
            continue
        depth = len(found[1]) // 2
        path[depth:] = [found[2]]
        default = _default(found[3], lines, number, len(found[1]))
        if default is not None or comments:
            yield _Line(tuple(path), default, " ".join(comments))
        comments = []


def _default(value: str | None, lines: list[str], number: int, indent: int) -> str | None:
    """None for a group; a list that is written below its key is joined to one line."""
    if value:
        return value
    below: list[str] = []
    for line in lines[number + 1 :]:
        if not line.startswith(" " * indent + "  - "):
            break
        below.append(line.strip(" -"))
    return f"[{', '.join(below)}]" if below else None


if __name__ == "__main__":
    main()
