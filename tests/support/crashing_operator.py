"""An operator that is killed at one of its writes: `python -m support.crashing_operator` forks one per line of stdin.

Writes are requests that change something at the API server (except the Lease, which is renewed by the clock), and
callbacks. Each is named by its kind and numbered within it as it begins: "PUT videojobs/status 2", "PUT delivery 1"
for the status with the end of the delivery, "callback processing 25 1". A line is a JSON object of environment
variables; `CRASH_AT` (such a name) and `CRASH_WHEN` (before, after) say where the process ends as by kill -9, `WRITES`
names a file for the list of writes. Forking saves each run the imports; the parent has no thread and no event loop.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ecg_callbacks.delivery import Sender
from ecg_callbacks.sender import Outcome
from ecg_callbacks.types import Due, JobFacts
from ecg_cluster.client import Cluster
from ecg_common.logs import configure_logging
from ecg_operator import main
from ecg_operator.composition import Dependencies, connected
from ecg_operator.observe import watches
from ecg_operator.settings import OperatorSettings

T = TypeVar("T")


class Writes:
    """Counts the writes, and kills the process at the chosen one."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._at = os.environ.get("CRASH_AT")
        self._when = os.environ.get("CRASH_WHEN", "before")
        self._file = Path(os.environ["WRITES"]) if "WRITES" in os.environ else None

    async def write(self, kind: str, act: Callable[[], Awaitable[T]]) -> T:
        self._counts[kind] += 1
        name = f"{kind} {self._counts[kind]}"
        if self._file is not None:
            with self._file.open("a") as file:
                file.write(f"{name}\n")
        if name == self._at and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return await act()
        finally:
            if name == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


class CountingCluster(Cluster):
    def __init__(self, cluster: Cluster, writes: Writes) -> None:
        super().__init__(cluster._client)
        self._writes = writes

    async def _request(self, method: str, path: str, body: object = None, **options: Any) -> dict[str, Any]:
        ask = super()._request
        if method == "GET" or "/leases" in path:
            return await ask(method, path, body, **options)
        kind = f"{method} {'delivery' if _is_delivered(body) else _without_names(path)}"
        return await self._writes.write(kind, lambda: ask(method, path, body, **options))


class CountingSender:
    def __init__(self, sender: Sender, writes: Writes) -> None:
        self._sender, self._writes = sender, writes

    async def send(self, due: Due, facts: JobFacts) -> Outcome:
        kind = f"callback {due.status} {due.progress}"
        return await self._writes.write(kind, lambda: self._sender.send(due, facts))


def _without_names(path: str) -> str:
    """The resource and the subresource in the path of a namespaced object: "videojobs/status"."""
    return re.sub("^.*/namespaces/[^/]+/([^/]+)(/[^/]+)?", r"\1", path)


def _is_delivered(body: Any) -> bool:
    """Whether a status has the end of the delivery."""
    status = body.get("status") or {} if isinstance(body, dict) else {}
    return "terminal" in (status.get("callbacks") or {})


async def _connected(settings: OperatorSettings) -> Dependencies:
    given, writes = await connected(settings), Writes()
    cluster = CountingCluster(given.cluster, writes)
    return replace(given, cluster=cluster, sender=CountingSender(given.sender, writes))


def _child(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    log = os.open(environment["LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)
    configure_logging(level="INFO")
    watches.quieten()
    settings = OperatorSettings()
    asyncio.run(main.operate(settings, _connected))


def _serve() -> None:
    """Print a pid for each line read; the kernel reaps the children."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        environment = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _child(environment)
            finally:
                os._exit(1)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
