"""kopf's tasks, in an event loop that has others, too.

`kopf.run_tasks` is not used, as it takes the loop for its own: where a watch fails, it waits five seconds, cancels
every task that is younger than kopf's, and then waits for its other watches, which may go on (decision 0101).
"""

import asyncio
import logging
from typing import NoReturn

import kopf

from ecg_common.tasks import end_tasks
from ecg_operator.observe import watches

_WATCHER = "watcher for "
"""How kopf's names of the tasks begin that it forgets where another of them fails."""
_LIMIT_S = 3.0
"""For the tasks that are cancelled together; kopf gives its workers two seconds."""
_log = logging.getLogger(__name__)


class WatchesEndedError(Exception):
    """kopf gave up. Its cause is the failure, where there was one."""


class KopfTasks:
    """`start`, then `wait` until it raises, then `end`."""

    def __init__(self) -> None:
        self._older: set[asyncio.Task[object]] = set()
        self._roots: set[asyncio.Task[object]] = set()

    async def start(self, registry: kopf.OperatorRegistry, namespace: str, identity: str) -> None:
        """Begin to watch. kopf replaces the handlers of SIGTERM and SIGINT."""
        self._older = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=watches.settings(),
            namespaces=[namespace],
            # kopf would ask for the user's name, which a container's user need not have.
            identity=identity,  # type: ignore[arg-type]  # a str that kopf has its own name for
            standalone=True,
        )
        self._roots = {*tasks}

    async def wait(self) -> NoReturn:
        """Raises WatchesEndedError once one of kopf's tasks has ended, which it does for a failure alone."""
        ended, _ = await asyncio.wait(self._roots, return_when=asyncio.FIRST_COMPLETED)
        failures = [task.exception() for task in ended if not task.cancelled()]
        raise WatchesEndedError("kopf's watches ended") from next(filter(None, failures), None)

    async def end(self) -> None:
        """Cancel every task that was made since `start`: to be called when the tasks of others have ended.

        The watches first: where one's pause is cancelled before itself, kopf takes that for the reason, and goes on.
        """
        await end_tasks((task for task in self._left() if task.get_name().startswith(_WATCHER)), _LIMIT_S)
        await end_tasks(self._roots, _LIMIT_S)
        await end_tasks(self._left(), _LIMIT_S)
        if left := self._left():
            _log.warning("kopf_tasks_left", extra={"tasks": sorted(task.get_name() for task in left)})

    def _left(self) -> set[asyncio.Task[object]]:
        current = asyncio.current_task()
        return {task for task in asyncio.all_tasks() - self._older if task is not current}
