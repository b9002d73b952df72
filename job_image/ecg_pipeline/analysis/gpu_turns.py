"""Recognition and diarization on one GPU: beside each other, and in turn where its memory does not suffice for both."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ecg_pipeline.analysis.fallbacks import Note, is_gpu_memory_error

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(eq=False)
class _User:
    had_company: bool


class GpuTurns:
    """Who uses the GPU: several at a time, or one alone, who waits for the others and has the others wait.

    On the CPU nobody waits: no GPU's memory runs out.
    """

    def __init__(self, note: Note) -> None:
        self._note = note
        self._changed = threading.Condition()
        self._users: set[_User] = set()
        self._is_taken = False
        """By one alone."""

    def run(self, what: str, work: Callable[[], T]) -> T:
        """The result of `work`; where the memory did not suffice beside others, of `work` once more, alone.

        Raises what `work` raises.
        """
        with self._use(alone=False) as user:
            try:
                return work()
            except Exception as error:
                if not (user.had_company and is_gpu_memory_error(error)):
                    raise
        # outside the except block, whose traceback keeps the tensors alive
        _log.warning("gpu_memory_exhausted", extra={"work": what, "plan": "beside other work", "next": "alone"})
        self._note(f"{what}: GPU memory did not suffice beside other work, trying it alone")
        with self._use(alone=True):
            return work()

    @contextmanager
    def _use(self, *, alone: bool) -> Iterator[_User]:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_taken and not (alone and self._users))
            user = _User(had_company=bool(self._users))
            for other in self._users:
                other.had_company = True
            self._users.add(user)
            self._is_taken = alone
        try:
            yield user
        finally:
            with self._changed:
                self._users.remove(user)
                self._is_taken = False
                self._changed.notify_all()
