"""Notifies waiting requests, the runner and the deliverer of changed jobs, all on one event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str], None]


class Changes:
    """Publishes the ids of jobs that changed; called after the commit."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def listen(self, listener: Listener) -> None:
        """`listener` is called with the id of every job that changes."""
        self._listeners.append(listener)

    def announce(self, job_id: str) -> None:
        for event in self._waiting.get(job_id, ()):
            event.set()
        for listener in self._listeners:
            listener(job_id)

    @contextmanager
    def subscribed(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at each change of one job."""
        event = asyncio.Event()
        self._waiting[job_id].add(event)
        try:
            yield event
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
