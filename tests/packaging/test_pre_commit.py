"""pre-commit runs what `make check` runs, and downloads nothing."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes without types

ROOT = Path(__file__).parents[2]
REPOSITORIES = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = [hook for repository in REPOSITORIES for hook in repository["hooks"]]


def checks() -> list[str]:
    """The commands of the Makefile's target `check`."""
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    return [line.strip().replace("@$(BIN)/", ".venv/bin/") for line in recipe[1].splitlines()]


def test_every_hook_is_local() -> None:
    assert [repository["repo"] for repository in REPOSITORIES] == ["local"]
    assert {hook["language"] for hook in HOOKS} == {"system"}


def test_the_hooks_run_the_commands_of_make_check_on_the_whole_repository() -> None:
    assert [hook["entry"] for hook in HOOKS] == checks()
    assert not any(hook["pass_filenames"] for hook in HOOKS)


def test_every_hook_has_what_pre_commit_requires() -> None:
    assert all(hook.keys() >= {"id", "name", "entry", "language"} for hook in HOOKS)
    assert len({hook["id"] for hook in HOOKS}) == len(HOOKS)
