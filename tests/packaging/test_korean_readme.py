"""`README.ko.md` is kept in step with `README.md`: headings, code, links and figures."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pages() -> list[str]:
    return [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")]


def test_headings_stand_at_the_same_places(pages: list[str]) -> None:
    english, korean = ([line.split()[0] for line in _without_code(page) if line.startswith("#")] for page in pages)
    assert english == korean


def test_commands_and_their_output_are_the_same(pages: list[str]) -> None:
    english, korean = (re.findall(r"```.*?```", page, re.DOTALL) for page in pages)
    assert english == korean


def test_links_and_pictures_are_the_same(pages: list[str]) -> None:
    english, korean = (re.findall(r"\]\(([^)]+)\)", page) for page in pages)
    assert english[1:] == korean[1:], "all but the link to the other language"
    assert (english[0], korean[0]) == ("README.ko.md", "README.md")


def test_the_tables_have_the_same_figures(pages: list[str]) -> None:
    english, korean = ([re.findall(r"\d+(?:\.\d+)?", line) for line in _rows(page)] for page in pages)
    assert [sorted(row) for row in english] == [sorted(row) for row in korean]


def _without_code(page: str) -> list[str]:
    return re.sub(r"```.*?```", "", page, flags=re.DOTALL).splitlines()


def _rows(page: str) -> list[str]:
    return [line for line in _without_code(page) if line.startswith("|")]
