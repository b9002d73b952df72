"""Relative links in the repository's Markdown lead to files and headings that exist."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
_INLINE = r"\]\(\s*<?([^)\s>]+)>?[^)]*\)"
_DEFINITION = r"^\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)"
_HTML = r"(?:href|src)=\"([^\"]+)\""
_LINK = re.compile(f"{_INLINE}|{_DEFINITION}|{_HTML}", re.MULTILINE)
_FENCED = re.compile(r"^(```+|~~~+).*?^\1", re.MULTILINE | re.DOTALL)
_IN_LINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")


def documents() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def links(text: str) -> Iterator[str]:
    """Targets of links that are neither code nor a URL with a scheme."""
    prose = _IN_LINE_CODE.sub("", _FENCED.sub("", text))
    targets = (next(filter(None, found.groups())) for found in _LINK.finditer(prose))
    return (target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target))


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings: lower case, without punctuation, `-` for blanks, numbered when repeated."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", _FENCED.sub("", text), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = 1
        while (name := slug if number == 1 else f"{slug}-{number - 1}") in found:
            number += 1
        found.add(name)
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


@cache
def anchors_of(path: Path) -> set[str]:
    return anchors(path.read_text(encoding="utf-8"))


def is_dead(document: Path, link: str) -> bool:
    name, _, anchor = unquote(link).partition("#")
    target = (document.parent / name) if name else document
    if not target.resolve().is_relative_to(ROOT) or not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors_of(target)


@pytest.mark.parametrize("name", documents())
def test_no_relative_link_is_dead(name: str) -> None:
    document = ROOT / name
    assert [link for link in links(document.read_text(encoding="utf-8")) if is_dead(document, link)] == []


def test_links_are_found_and_code_is_no_link() -> None:
    text = '[a](one.md) ![b](<two.png> "title") `[c](no.md)` [d](https://x)\n\n[e]: three.md#x\n```\n[f](no.md)\n```\n'
    assert sorted(links(text)) == ["one.md", "three.md#x", "two.png"]


def test_anchors_are_those_of_github() -> None:
    assert anchors("# The `values.yaml`, twice\n## A\n## A\n### 영상 [분석](x.md)!\n```\n# no\n```\n") == {
        "the-valuesyaml-twice", "a", "a-1", "영상-분석",
    }  # fmt: skip


def test_a_missing_file_and_a_missing_heading_are_dead() -> None:
    document = ROOT / "docs" / "architecture.md"
    assert is_dead(document, "nowhere.md")
    assert is_dead(document, "#no-such-heading")
    assert is_dead(document, "../../outside.md")
    assert not is_dead(document, "../README.md")
