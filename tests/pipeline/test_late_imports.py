"""Modules that are imported when something of theirs is used."""

import importlib
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ecg_pipeline.engines.late_imports import LateImports

LIBRARY = {
    "heavy/__init__.py": (
        "import heavy_log; heavy_log.ran.append('heavy')\nfrom heavy.inner import Tool\nsize = 3\n__version__ = '0.9'\n"
    ),
    "heavy/inner.py": (
        "__all__ = ['Tool']\n"
        "class Tool:\n    default = 5\n    def __init__(self, n=1): self.n = n\n"
        "    @classmethod\n    def made(cls, n): return cls(n)\n"
        "class Flag:\n    def __bool__(self): return False\n"
        "off = Flag()\nnames = ['a', 'b']\n"
        "def mark(function=None): return 'marked'\n"
    ),
    "heavy/unnamed.py": "value = 9\ndef value_of(): return value\n",
    "parts/__init__.py": "import heavy_log, parts.one\nheavy_log.ran.append('parts')\nown = parts.one.here + 1\n",
    "parts/one.py": "here = 1\n",
    "parts/two.py": "from parts import one\nthere = one.here + 1\n",
    "heavy_log.py": "ran = []\n",
}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The packages whose code has run."""
    for name, code in LIBRARY.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield importlib.import_module("heavy_log").ran
    for name in [name for name in sys.modules if name.partition(".")[0] in {"heavy", "parts", "heavy_log"}]:
        del sys.modules[name]


@pytest.fixture
def heavy(ran: list[str]) -> ModuleType:
    sys.meta_path.insert(0, LateImports(["heavy"], marks=["heavy.inner:mark"]))
    return importlib.import_module("heavy")


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


NAMED = """
import heavy, heavy.inner as inner
from heavy import Tool, size
from heavy.inner import Tool as Same, names
from typing import Optional, Union
hints = Optional[Tool], Union[Tool, list[Tool]], Tool | None, int | Tool
values = {"default": Tool.default}
is_tool = isinstance(3, Tool), issubclass(int, Tool)
inner.Tool.__module__ = "elsewhere"
"""


@pytest.mark.usefixtures("heavy")
def test_a_module_that_is_only_named_is_not_imported(ran: list[str]) -> None:
    assert run(NAMED)["is_tool"] == (False, False)
    assert ran == []


USES = {
    "call": ("Tool(4).n", 4),
    "call of a part": ("heavy.inner.Tool.made(2).n", 2),
    "base class": ("type(types.new_class('Own', (Tool,))()).__mro__[1].__name__", "Tool"),
    "iteration": ("list(names)", ["a", "b"]),
    "length": ("len(names)", 2),
    "item": ("names[1]", "b"),
    "membership": ("'a' in names", True),
    "truth": ("bool(inner.off)", False),
    "a submodule that nobody imported": ("heavy.unnamed.value_of()", 9),
    "all names": ("heavy.inner.__all__", ["Tool"]),
}


@pytest.mark.parametrize(("use", "found"), USES.values(), ids=USES)
@pytest.mark.usefixtures("heavy")
def test_a_use_imports_the_module(ran: list[str], use: str, found: object) -> None:
    assert eval(use, {"types": types, **run(NAMED)}) == found
    assert ran == ["heavy"]


@pytest.mark.usefixtures("heavy")
def test_after_that_a_name_is_what_it_stood_for(ran: list[str]) -> None:
    names = run(NAMED)
    tool = names["Tool"](4)
    real = importlib.import_module("heavy.inner")
    assert type(tool) is real.Tool
    assert isinstance(tool, names["Same"])
    assert issubclass(real.Tool, names["Same"])
    assert not isinstance(3, names["Same"])
    assert (names["Tool"].default, names["heavy"].size, names["inner"].names) == (5, 3, ["a", "b"])
    assert (sys.modules["heavy"].Tool, ran) == (real.Tool, ["heavy"])


def test_what_is_set_is_set_in_the_module(heavy: ModuleType) -> None:
    names = run(NAMED)
    setattr(heavy, "size", 4)  # noqa: B010 - mypy knows no such name
    names["Tool"].default = 6
    assert sys.modules["heavy"].size == 4
    assert sys.modules["heavy.inner"].Tool().default == 6


@pytest.mark.usefixtures("heavy")
def test_a_mark_returns_the_function_until_its_module_is_imported(ran: list[str]) -> None:
    names = run("from heavy.inner import mark, Tool")
    assert names["mark"](run) is run
    assert names["mark"]()(run) is run
    assert ran == []
    names["Tool"]()
    assert names["mark"](run) == "marked"


@pytest.mark.usefixtures("heavy")
def test_an_operator_that_a_name_does_not_have_is_an_error_not_a_wrong_value() -> None:
    with pytest.raises(TypeError):
        eval("size + 1", run(NAMED))


@pytest.mark.usefixtures("heavy")
def test_a_name_that_is_not_there_is_noticed_when_it_is_used() -> None:
    with pytest.raises(AttributeError, match="absent"):
        run("from heavy import absent")["absent"]()


@pytest.mark.usefixtures("heavy")
def test_two_threads_import_it_once(ran: list[str]) -> None:
    tools = [run(NAMED)["Tool"] for _ in range(8)]
    at_once = threading.Barrier(8)
    made: list[object] = []

    def use(tool: Callable[[], object]) -> None:
        at_once.wait()
        made.append(tool())

    threads = [threading.Thread(target=use, args=(tool,)) for tool in tools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len({type(each) for each in made}), ran) == (8, 1, ["heavy"])


def test_what_was_imported_before_is_not_late(ran: list[str]) -> None:
    before = importlib.import_module("heavy")
    sys.meta_path.insert(0, LateImports(["heavy"]))
    assert importlib.import_module("heavy") is before
    assert (importlib.import_module("heavy.unnamed").value, ran) == (9, ["heavy"])


def test_the_version_is_known_without_an_import(ran: list[str], tmp_path: Path, heavy: ModuleType) -> None:
    (tmp_path / "heavy-1.5.dist-info").mkdir()
    (tmp_path / "heavy-1.5.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: heavy\nVersion: 1.5\n")
    assert (heavy.__version__, ran) == ("1.5", [])


def test_a_version_that_no_distribution_tells_is_the_module_s_own(heavy: ModuleType) -> None:
    assert heavy.__version__ == "0.9"


@pytest.mark.usefixtures("heavy")
def test_a_late_module_that_another_thread_brings_back_gives_way() -> None:
    tool, late = run(NAMED)["Tool"], sys.modules["heavy.inner"]
    tool()
    sys.modules["heavy.inner"] = late
    assert run("from heavy.inner import names")["names"] == ["a", "b"]
    assert sys.modules["heavy.inner"] is not late


@pytest.fixture
def parts(ran: list[str]) -> ModuleType:
    sys.meta_path.insert(0, LateImports([], packages=["parts"]))
    return importlib.import_module("parts")


@pytest.mark.usefixtures("parts")
def test_submodules_of_a_late_package_are_imported_as_ever(ran: list[str]) -> None:
    names = run("import parts.two; from parts import one; from parts.two import there")
    assert (names["there"], names["one"].here, names["parts"].two.there, ran) == (2, 1, 2, [])


def test_the_packages_own_code_runs_for_what_only_it_has(ran: list[str], parts: ModuleType) -> None:
    two = importlib.import_module("parts.two")
    assert (parts.own, ran) == (2, ["parts"])
    assert sys.modules["parts"].two is parts.two is two
    with pytest.raises(AttributeError, match="absent"):
        _ = parts.absent
