"""The product's files and functions stay small."""

import ast
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPONENTS = ("contract", "client", "api", "operator", "job_image")
LONGEST_FILE = 300
LONGEST_FUNCTION_P95 = 16


@cache
def sources() -> dict[str, str]:
    paths = [path for component in COMPONENTS for path in sorted((ROOT / component).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def body_lengths(source: str) -> Iterator[int]:
    """Of each function and method: the lines from its first statement to its end, without docstring and blank lines.
    Functions inside it count as its lines, and on their own."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
            first = statements[0].lineno if statements else (node.end_lineno or 0) + 1
            yield sum(bool(line.strip()) for line in lines[first - 1 : node.end_lineno])


def test_no_product_file_is_longer_than_300_lines(figure: Callable[[str], None]) -> None:
    lengths = {name: len(source.splitlines()) for name, source in sources().items()}
    figure(
        f"product: {sum(lengths.values())} lines of Python in {len(lengths)} files, "
        f"median {statistics.median(lengths.values()):.0f}, longest {max(lengths.values())}"
    )
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_nineteen_of_twenty_functions_have_at_most_16_lines(figure: Callable[[str], None]) -> None:
    lengths = [length for source in sources().values() for length in body_lengths(source)]
    p95 = statistics.quantiles(lengths, n=20, method="inclusive")[-1]
    figure(
        f"product: {len(lengths)} functions, median {statistics.median(lengths):.0f} lines, "
        f"95th percentile {p95:.0f}, longest {max(lengths)}"
    )
    assert p95 <= LONGEST_FUNCTION_P95


def test_docstrings_and_blank_lines_do_not_count() -> None:
    source = 'def f():\n    """One\n    two."""\n\n    a = 1\n\n    return a\n\n\ndef g():\n    """Only this."""\n'
    assert list(body_lengths(source)) == [2, 0]
