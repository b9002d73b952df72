"""Fixtures of all folders. Figures that tests measure are printed at the end of the run, also when it passes."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from support.receiver import Receiver

pytest_plugins = ["support.control_plane"]

_FIGURES = pytest.StashKey[list[str]]()
_SHOWN_OF_A_LOG = 20_000
"""Characters of the end of each program's log that the report of a failed test shows."""


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that takes a line to print at the end of the run."""
    return request.config.stash.setdefault(_FIGURES, []).append


@pytest.fixture
def backend() -> Iterator[Receiver]:
    """A backend on loopback; callbacks are sent to its `url`."""
    with Receiver() as receiver:
        yield receiver


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures = terminalreporter.config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section("measured")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what the programs that it started have logged."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and call.when == "call" and isinstance(folder, Path):
        for log in sorted(folder.glob("*.log")):
            report.sections.append((f"log {log.name}", log.read_text(errors="replace")[-_SHOWN_OF_A_LOG:]))
    return report
