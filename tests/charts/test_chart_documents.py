"""The documents about the cluster name values, metrics and fields that exist."""

import re
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes without types

from ecg_contract.videojob.crd import custom_resource_definition
from support import chart

DOCS = chart.ROOT / "docs"
NAMES = ("kubernetes-install.md", "kubernetes-operate.md", "kind.md", "cluster.md", "architecture.md")
DOCUMENTS = [DOCS / name for name in NAMES]
TEXT = {path: path.read_text() for path in DOCUMENTS}


def test_every_value_that_is_named_exists() -> None:
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    named = set(re.findall(r"`([a-z0-9]+(?:\.[a-zA-Z0-9]+)+)", "".join(TEXT.values())))
    named = {name for name in named if name.split(".")[0] in values and not name.endswith((".yaml", ".md"))}
    assert len(named) > 10
    assert [name for name in sorted(named) if not _has(values, name.split("."))] == []


def _has(values: Any, path: list[str]) -> bool:
    return not path or (isinstance(values, dict) and path[0] in values and _has(values[path[0]], path[1:]))


def test_every_column_is_explained() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    columns = {column["name"].upper() for column in version["additionalPrinterColumns"]} - {"AGE"}
    explained = set(re.findall(r"`([A-Z]+)`", TEXT[DOCS / "kubernetes-operate.md"]))
    assert columns <= explained
