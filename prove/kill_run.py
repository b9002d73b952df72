"""A run under kills, the same for every host: jobs are posted, something is killed, what is recorded is noted."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from backend_that_drops import Dropping
from judged import Evidence, shown
from proof_progress import Progress

from ecg_dev.waiting import wait_until

SOURCE = "https://media.example/v.mp4"


class KilledHost(Protocol):
    """A host and how to kill its parts."""

    @property
    def weights(self) -> Mapping[str, int]:
        """What may be killed, and how often in proportion."""

    def running(self) -> AbstractContextManager[None]: ...

    def post(self, job_id: str, video_url: str) -> httpx.Response: ...

    def job(self, job_id: str) -> dict[str, Any]: ...

    def delivered(self, job_ids: Sequence[str]) -> Iterable[str]:
        """Which of these jobs' last callbacks are recorded as delivered. May raise httpx.TransportError."""

    def states(self, job_ids: Sequence[str]) -> object:
        """What is said of jobs that do not end."""

    def kill(self, what: str, deaths: list[float]) -> bool:
        """Kill it and start it again; the moment when a sender of callbacks had died is added to `deaths`.

        False where there was nothing to kill.
        """


@dataclass(frozen=True, slots=True)
class Course:
    """How much is done, and when. Times in seconds."""

    name: str
    at_work: int
    """Unfinished jobs that are kept; while kills are left, also beyond `jobs`."""
    pause_s: tuple[float, float]
    """Shortest and longest time between two kills."""
    look_s: float
    """Time between two looks at what is recorded."""
    after_post: tuple[str, float]
    """What is killed in the moment after the 200 of a post, and after which share of them."""
    end_s: float
    """Limit for what is left after the last kill."""
    jobs: int = 60
    kills: int = 110


class KillRun:
    """`run` returns the evidence; `killed` says how often each thing was killed."""

    def __init__(self, host: KilledHost, told: Dropping, course: Course, chance: random.Random) -> None:
        self._host, self._told, self._course, self._random = host, told, course, chance
        self._progress = Progress(f"kills, {course.name}")
        self._posted: list[str] = []
        self._deaths: list[float] = []
        self._recorded: dict[str, float] = {}
        self.killed = dict.fromkeys(host.weights, 0)

    def run(self) -> Evidence:
        with self._told.backend, self._host.running():
            while self._kills_left() or len(self._posted) < self._course.jobs:
                self._disturb()
            wait_until(self._all_recorded, self._course.end_s, lambda: self._host.states(self._open()), pause_s=0.2)
            ends = {job_id: shown(self._host.job(job_id)) for job_id in self._posted}
        return Evidence(
            self._posted,
            self._told.callbacks(),
            {job_id: status for job_id, (status, _) in ends.items()},
            {job_id: message for job_id, (_, message) in ends.items()},
            self._deaths,
            self._recorded,
        )

    def _disturb(self) -> None:
        while len(self._open()) < self._course.at_work:
            self._post()
        self._watch_for(self._random.uniform(*self._course.pause_s))
        if self._kills_left():
            self._kill(self._random.choices(list(self._host.weights), list(self._host.weights.values()))[0])
        self._progress.say(f"{sum(self.killed.values())} kills, {len(self._posted)} jobs")

    def _kills_left(self) -> bool:
        return sum(self.killed.values()) < self._course.kills

    def _post(self) -> None:
        job_id = f"k{len(self._posted):04}"
        answer = self._host.post(job_id, SOURCE)
        assert answer.status_code == 200, answer.text
        self._posted.append(job_id)
        what, share = self._course.after_post
        if self._random.random() < share:
            self._kill(what)

    def _kill(self, what: str) -> None:
        self.killed[what] += self._host.kill(what, self._deaths)

    def _watch_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._all_recorded()
            time.sleep(self._course.look_s)

    def _all_recorded(self) -> bool:
        """Note which last callbacks are recorded by now."""
        with suppress(httpx.TransportError):
            for job_id in self._host.delivered(self._open()):
                self._recorded[job_id] = time.monotonic()
        return not self._open()

    def _open(self) -> list[str]:
        return [job_id for job_id in self._posted if job_id not in self._recorded]
