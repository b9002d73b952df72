"""What all folders share. Figures that tests measure are shown at the end of the run, also when all is well."""

from collections.abc import Callable, Iterator

import pytest

from support.receiver import Receiver

pytest_plugins = ["support.control_plane"]

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a line for the end of the run."""
    return request.config.stash.setdefault(_FIGURES, []).append


@pytest.fixture
def backend() -> Iterator[Receiver]:
    """On loopback; callbacks go to its `url`."""
    with Receiver() as receiver:
        yield receiver


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures = terminalreporter.config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section("measured")
        for line in figures:
            terminalreporter.write_line(line)
