"""Fixtures of all folders. Figures that tests measure are printed at the end of the run, also when it passes."""

from collections.abc import Callable, Iterator

import pytest

from support.receiver import Receiver

pytest_plugins = ["support.control_plane"]

_FIGURES = pytest.StashKey[list[str]]()


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
