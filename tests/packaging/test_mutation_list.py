"""Each mutation of `make prove` still applies: its line stands in its file, once."""

import importlib
import sys

import pytest

from support.pipeline_process import ROOT


def test_every_mutation_has_its_line_once_and_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "prove")
    mutations = importlib.import_module("mutation_list").MUTATIONS
    for name in ("mutation", "mutation_list"):
        monkeypatch.delitem(sys.modules, name)
    assert mutations
    times = {m: (ROOT / m.file).read_text(encoding="utf-8").count(m.old) for m in mutations}
    assert [m for m, count in times.items() if count != 1] == []
    assert [m for m in mutations if not all((ROOT / test).exists() for test in m.tests.split())] == []
