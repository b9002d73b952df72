"""Documents whose console blocks are run as they stand: what they show must be what is printed.

In a ```` ```console ```` block a line that begins with `$ ` is a command, the lines after it are its output.
After `<!-- varies -->` a block is run and not compared; one after `<!-- in a cluster -->` is run by another test.
"""

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

_BLOCK = re.compile(r"(?P<mark><!-- [a-z ]+ -->\n)?```console\n(?P<lines>(?:(?!```).*\n)*)```\n")
_MARK = "\x1e"
IN_A_CLUSTER = "<!-- in a cluster -->\n"
_PROGRESS = re.compile(r"\s*[0-9]{1,3}%")
_VOLATILE = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"\b[0-9a-f]{16,64}\b",
    r"\becg_[A-Za-z0-9_-]{43}\b|\bwhsec_[A-Za-z0-9+/=]+|\bmsg_[0-9a-f]+",
    r"\b[0-9]+\.[0-9]+\b",
)

Replaced = Callable[[str], str]


@dataclass(frozen=True)
class Block:
    """A console block; `commands` may span several lines."""

    text: str
    mark: str
    commands: Sequence[str]

    @property
    def is_compared(self) -> bool:
        return self.mark in ("", IN_A_CLUSTER)

    def printing(self, outputs: Sequence[str]) -> str:
        """The block with these outputs."""
        pairs = zip(self.commands, outputs, strict=True)
        lines = "".join(f"$ {command}\n{_ended(output)}" for command, output in pairs)
        return f"{self.mark}```console\n{lines}```\n"


def blocks_of(document: str, *, in_a_cluster: bool = False) -> list[Block]:
    """Those that are run here, or in a cluster."""
    found = [Block(match[0], match["mark"] or "", _commands(match["lines"])) for match in _BLOCK.finditer(document)]
    return [block for block in found if (block.mark == IN_A_CLUSTER) is in_a_cluster]


def printed(
    blocks: Sequence[Block], folder: Path, environment: Mapping[str, str], there: Replaced, back: Replaced
) -> list[str]:
    """The blocks as they are printed by one shell in `folder`.

    `there` changes each command before it is run, `back` what is printed.
    """
    script = folder / "commands.sh"
    commands = [command for block in blocks for command in block.commands]
    script.write_text("".join(f"{there(command)}\nprintf '{_MARK}'\n" for command in commands))
    command = ["bash", str(script)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    outputs = back(done.stdout).split(_MARK)
    shown = []
    for block in blocks:
        count = len(block.commands)
        shown.append(block.printing(outputs[:count]))
        outputs = outputs[count:]
    return shown


def check_or_update(path: Path, blocks: Sequence[Block], shown: Sequence[str]) -> None:
    """Raises AssertionError where the document shows something else; with UPDATE_DOCS=1 it shows this from now on."""
    if os.environ.get("UPDATE_DOCS"):
        document = path.read_text(encoding="utf-8")
        for block, text in zip(blocks, shown, strict=True):
            document = document.replace(block.text, text)
        path.write_text(document, encoding="utf-8")
        return
    for block, text in zip(blocks, shown, strict=True):
        if block.is_compared:
            differences = "\n".join(unified_diff(comparable(block.text), comparable(text), lineterm=""))
            assert not differences, f"UPDATE_DOCS=1 updates it:\n{differences}"


def comparable(block: str) -> list[str]:
    """The lines of a block without what differs from time to time; lines of progress come and go."""
    lines = [line for line in block.splitlines() if not _PROGRESS.match(line)]
    return [_masked(line) for line in lines]


def _masked(line: str) -> str:
    for pattern in _VOLATILE:
        line = re.sub(pattern, "*", line)
    return line


def _commands(lines: str) -> list[str]:
    commands: list[str] = []
    for line in lines.splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
        elif commands and commands[-1].count("'") % 2:  # within a quoted text
            commands[-1] += f"\n{line}"
    return commands


def _ended(output: str) -> str:
    return output if not output or output.endswith("\n") else f"{output}\n"
