"""Picks the jobs whose callbacks are sent now, and the time of the next look. No I/O; the clock is a parameter."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from ecg_callbacks.circuit import Circuit, Reason, Start
from ecg_callbacks.ports import Pending
from ecg_callbacks.target import origin_of

LONGEST_SLEEP = timedelta(seconds=60)


class Scheduler:
    """Holds the circuit of each origin."""

    def __init__(self) -> None:
        self._circuits: dict[str, Circuit] = {}
        self._used: Counter[str] = Counter()
        """How many deliveries use the circuit of an origin now."""

    def __len__(self) -> int:
        """Origins that are remembered."""
        return len(self._circuits)

    @contextmanager
    def used_circuit(self, base: str) -> Iterator[Circuit]:
        """The circuit of the origin of a callback base; it is not forgotten while the context is open."""
        origin = origin_of(base)
        self._used[origin] += 1
        try:
            yield self.circuit(base)
        finally:
            self._used[origin] -= 1
            if not self._used[origin]:
                del self._used[origin]

    def circuit(self, base: str) -> Circuit:
        """The circuit of the origin of a callback base."""
        return self._circuits.setdefault(origin_of(base), Circuit())

    def plan(self, pending: Sequence[Pending], busy: Collection[str], now: datetime) -> tuple[list[Start], datetime]:
        """The jobs to start now, and when to look again; `busy` are the keys of jobs that are being worked on."""
        idle = [job for job in pending if job.key not in busy]
        starts = [Start(job.key, Reason.DUE) for job in idle if job.due_at <= now]
        waiting = [job for job in idle if job.due_at > now]
        self._forget(pending)
        looks = [job.due_at for job in waiting]
        for circuit, jobs in self._by_circuit(waiting):
            early, again = circuit.early(jobs, now)
            starts += early
            looks += [again] if again else []
        return starts, min(looks, default=now + LONGEST_SLEEP)

    def _by_circuit(self, waiting: Sequence[Pending]) -> Sequence[tuple[Circuit, Sequence[Pending]]]:
        """The terminal callbacks that failed and wait, by origin."""
        groups: defaultdict[str, list[Pending]] = defaultdict(list)
        for job in waiting:
            if job.is_retried_terminal:
                groups[origin_of(job.base)].append(job)
        return [(self.circuit(jobs[0].base), jobs) for jobs in groups.values()]

    def _forget(self, pending: Sequence[Pending]) -> None:
        """Drop what is known of jobs, and of origins, that nothing waits for."""
        keys = {job.key for job in pending}
        for circuit in self._circuits.values():
            circuit.forget_all_but(keys)
        origins = {origin_of(job.base) for job in pending} | self._used.keys()
        self._circuits = {name: circuit for name, circuit in self._circuits.items() if name in origins}
