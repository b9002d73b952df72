"""No unquoted scalar, such as `n`, `on`, `010` or `1:30`, that YAML 1.1 (kubectl, helm) does not read as a string."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # comes without types

from support import chart

FILES = [
    *chart.VALUES.values(),
    chart.ROOT / "kind-config.yaml",
    chart.CHART / "Chart.yaml",
    chart.CHART / "files" / "crd.yaml",
]
_TRAPS = re.compile(r"y|n|yes|no|on|off|[-+.]?[0-9][0-9_.]*e[-+]?[0-9]+|0o[0-7]+", re.IGNORECASE)
_PLAIN = re.compile(r"true|false|null||-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def trapped(text: str) -> list[str]:
    """Line and value of unquoted scalars that YAML 1.1 and 1.2 read differently."""
    found = []
    for node in _scalars(text):
        if node.style is None and (_TRAPS.fullmatch(node.value) or not _is_plain(node)):
            found.append(f"{node.start_mark.line + 1}: {node.value}")
    return found


def _is_plain(node: yaml.ScalarNode) -> bool:
    return node.tag == "tag:yaml.org,2002:str" or _PLAIN.fullmatch(node.value) is not None


def _scalars(text: str) -> Iterator[yaml.ScalarNode]:
    waiting = [node for node in yaml.compose_all(text) if node is not None]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
        else:
            waiting += [part for pair in node.value for part in pair]


@pytest.mark.parametrize(
    "bad", ["name: n", "on: 1", "mode: 010", "time: 1:30", "tag: 1e3", "when: 2026-01-01", "a: No"]
)
def test_the_traps_are_known(bad: str) -> None:
    assert len(trapped(bad)) == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_no_file_of_the_chart_has_one(path: Path) -> None:
    assert trapped(path.read_text()) == []


@pytest.mark.parametrize("values", [*chart.VALUES.values(), Path(__file__).parent / "values-full.yaml"])
def test_nothing_rendered_has_one(values: Path) -> None:
    assert trapped(chart.template("-f", str(values))) == []
