"""An isolated machine inside this one, with its own process, mount and network namespaces.

When its first process ends, the kernel ends everything in it and removes its mounts, interfaces and iptables rules.
Programs in it outlive the command that started them; `record.json` lists them.
"""

import contextlib
import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ecg_dev.waiting import wait_until

HOST_NAME = "ecg-node"
_NAMESPACES = ("--pid", "--mount", "--net", "--uts", "--ipc")
_FIRST_PROCESS = f"trap '' CHLD; hostname {HOST_NAME}; exec sleep infinity"
"""The first process ignores SIGCHLD so that the orphans that it inherits leave no zombies."""


@dataclass
class Started:
    """A process by its id on this machine and, because ids are reused, by its start time in clock ticks."""

    pid: int
    ticks: str
    command: list[str] = field(default_factory=list)

    @classmethod
    def find(cls, pid: int) -> "Started":
        """Raises FileNotFoundError if there is no such process."""
        return cls(pid, _start_ticks(pid))

    def is_running(self) -> bool:
        try:
            return _start_ticks(self.pid) == self.ticks and _state(self.pid) != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def signal(self, number: int) -> None:
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Machine:
    """Writes `record.json` to `folder` and the programs' output to `logs`."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder, self.logs = folder, logs
        self._record = folder / "record.json"

    @property
    def first(self) -> Started | None:
        """Its first process; None if the machine is not up."""
        first = self._read().get("first")
        return first if first and first.is_running() else None

    def create(self) -> None:
        """Raises RuntimeError if namespaces cannot be created."""
        command = ["unshare", "--fork", *_NAMESPACES, "--mount-proc", "--propagation=private"]
        parent = _spawn([*command, "sh", "-c", _FIRST_PROCESS], self.logs / "machine.log")
        first = _child(parent)
        if first is None:
            raise RuntimeError(f"no namespaces could be created: {(self.logs / 'machine.log').read_text()[-500:]}")
        self._write({"first": first})
        wait_until(lambda: self.run("hostname") == HOST_NAME, 10)

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Returns the output of a command run inside. Raises RuntimeError with its error message when it fails."""
        return _run(self.entering(*command), stdin)

    def entering(self, *command: str) -> list[str]:
        """Returns the command that runs `command` inside. Raises RuntimeError if the machine is not up."""
        first = self.first
        if first is None:
            raise RuntimeError("the machine is not up")
        return [*_enter(first), *command]

    def start(self, name: str, command: list[str]) -> None:
        """Start a program in the background. Raises RuntimeError with the end of its log if it exits at once."""
        program = _child(_spawn(self.entering(*command), self.log(name)))
        if program is None:
            raise RuntimeError(f"{name} ended at once:\n{self.log_tail(name)}")
        program.command = command
        self._write(self._read() | {name: program})

    def restart(self, name: str) -> None:
        """Start a program again with the same command."""
        self.start(name, self._read()[name].command)

    def program(self, name: str) -> Started:
        """The process of a program. Raises KeyError for one that was never started."""
        return self._read()[name]

    def kill(self, name: str) -> None:
        program = self.program(name)
        program.signal(signal.SIGKILL)
        wait_until(lambda: not program.is_running(), 20, lambda: f"{name} does not end")

    def dead(self) -> list[str]:
        """Names of programs that have ended."""
        return [name for name, program in self._read().items() if not program.is_running()]

    def destroy(self) -> None:
        """Kill everything in it; wait until that and the `unshare` and `nsenter` processes outside have ended."""
        first = self.first
        if first is not None:
            launchers = _parents([program for program in self._read().values() if program.is_running()])
            first.signal(signal.SIGKILL)
            wait_until(lambda: not first.is_running(), 60, lambda: "the machine's first process does not end")
            wait_until(lambda: not any(p.is_running() for p in launchers), 60, lambda: f"still running: {launchers}")
        self._record.unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def log_tail(self, name: str) -> str:
        return self.log(name).read_text(errors="replace")[-3000:]

    def _read(self) -> dict[str, Started]:
        if not self._record.exists():
            return {}
        return {name: Started(**values) for name, values in json.loads(self._record.read_text()).items()}

    def _write(self, programs: dict[str, Started]) -> None:
        unfinished = self._record.with_suffix(".tmp")
        unfinished.write_text(json.dumps({name: asdict(p) for name, p in programs.items()}, indent=1))
        unfinished.rename(self._record)


def _enter(first: Started) -> list[str]:
    return ["nsenter", "--target", str(first.pid), *_NAMESPACES, "--"]


def _run(command: list[str], stdin: str | None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-3000:]}")
    return done.stdout.strip()


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _child(parent: subprocess.Popen[bytes]) -> Started | None:
    """The process that `unshare` or `nsenter` started inside the namespaces; None if it has ended."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    found: list[int] = []

    def look() -> bool:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found[:] = [int(pid) for pid in children.read_text().split()]
        return bool(found) or parent.poll() is not None

    wait_until(look, 10)
    try:
        return Started.find(found[0]) if found else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def _parents(programs: list[Started]) -> list[Started]:
    found = []
    for program in programs:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(Started.find(int(_stat(program.pid)[1])))
    return found


def _start_ticks(pid: int) -> str:
    return _stat(pid)[19]


def _state(pid: int) -> str:
    return _stat(pid)[0]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the program's name, which may contain spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
