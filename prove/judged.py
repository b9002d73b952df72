"""Judges recorded callbacks: what was received, which senders died when, and when each record was seen.

It knows nothing of how the product decides; it compares what a backend received with the promises alone.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from support.receiver import ALL_SEVEN, Received

LAST_WORDS = ("completed", "failed")
INTERRUPTED = "번 중단되었습니다"
"""In the message of a job that was interrupted once too often, the one reason to fail for these jobs."""


class BrokenError(Exception):
    """A promise does not hold; the message says which, and how it was seen."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One received callback; `acknowledged` is False where the backend did not answer it."""

    job_id: str
    status: str
    progress: int
    webhook_id: str
    time: float
    acknowledged: bool = True

    @property
    def is_terminal(self) -> bool:
        return self.status in LAST_WORDS

    @property
    def mark(self) -> tuple[str, int]:
        return self.status, self.progress


def callback_of(request: Received, *, acknowledged: bool = True) -> Callback:
    body = request.json
    progress = body.get("progress")
    return Callback(
        job_id=body["job_id"],
        status=body["status"],
        progress=100 if progress is None else int(progress),
        webhook_id=request.headers["webhook-id"],
        time=request.time,
        acknowledged=acknowledged,
    )


@dataclass
class Evidence:
    """What happened to the jobs of one host."""

    accepted: Sequence[str]
    callbacks: Sequence[Callback]
    ends: dict[str, str]
    """The terminal status that the host shows for each job."""
    failures: dict[str, str] = field(default_factory=dict)
    """The error message that the host shows for each failed job."""
    deaths: Sequence[float] = ()
    """When a process that sends callbacks was killed."""
    recorded: dict[str, float] = field(default_factory=dict)
    """When the host was first seen to have recorded a job's last callback as delivered."""
    meant_to_fail: Collection[str] = ()
    """Jobs that fail for a reason of their own; others may fail by interruptions alone."""
    always_answered: bool = False
    """Whether the backend acknowledged everything, so that a completed job's seven callbacks all have to come."""


@dataclass
class Verdict:
    """What was broken, one line each; and how many callbacks were repeated rightly."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    repeated: int = 0

    @property
    def broken(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.disordered, *self.missing]

    def __str__(self) -> str:
        return (
            f"{len(self.lost)} lost, {len(self.doubled)} terminals doubled after their record, "
            f"{len(self.disordered)} out of order, {len(self.missing)} not complete, "
            f"{self.repeated} repeated after a death or a lost answer"
        )


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict()
    of_job: dict[str, list[Callback]] = {job_id: [] for job_id in evidence.accepted}
    for callback in evidence.callbacks:
        of_job.setdefault(callback.job_id, []).append(callback)
    for job_id, callbacks in of_job.items():
        _judge_end(job_id, callbacks, evidence, verdict)
        first_arrivals = _without_repetitions(job_id, callbacks, evidence, verdict)
        _judge_order(job_id, first_arrivals, verdict)
        if evidence.always_answered and evidence.ends.get(job_id) == "completed":
            _judge_completeness(job_id, first_arrivals, verdict)
    return verdict


def _judge_end(job_id: str, callbacks: Sequence[Callback], evidence: Evidence, verdict: Verdict) -> None:
    """One terminal status, acknowledged, and the same that the host shows."""
    told = {callback.status for callback in callbacks if callback.is_terminal and callback.acknowledged}
    shown = evidence.ends.get(job_id)
    if shown not in LAST_WORDS or not told:
        verdict.lost.append(f"{job_id}: the host shows {shown}, the backend was told {sorted(told)}")
    elif told != {shown}:
        verdict.doubled.append(f"{job_id}: the host shows {shown}, the backend was told {sorted(told)}")
    elif shown == "failed" and job_id not in evidence.meant_to_fail and not _was_interrupted(job_id, evidence):
        verdict.lost.append(f"{job_id}: failed, but not by interruptions: {evidence.failures.get(job_id)}")


def _was_interrupted(job_id: str, evidence: Evidence) -> bool:
    return INTERRUPTED in evidence.failures.get(job_id, "")


def _without_repetitions(
    job_id: str, callbacks: Sequence[Callback], evidence: Evidence, verdict: Verdict
) -> list[Callback]:
    """The first arrival of each callback; whether a repetition was right is judged here."""
    first: dict[tuple[str, int], Callback] = {}
    before: Callback | None = None
    for callback in callbacks:
        if callback.mark in first and before is not None:
            verdict.repeated += 1
            if before.mark != callback.mark:
                verdict.disordered.append(f"{job_id}: {callback.mark} again, after {before.mark}")
            elif wrong := _wrong_repetition(before, callback, evidence):
                verdict.doubled.append(f"{job_id}: {callback.mark} {wrong}")
        first.setdefault(callback.mark, callback)
        before = callback
    return list(first.values())


def _wrong_repetition(earlier: Callback, again: Callback, evidence: Evidence) -> str | None:
    if again.webhook_id != earlier.webhook_id:
        return "was repeated with another webhook-id"
    if again.is_terminal and again.time > evidence.recorded.get(again.job_id, again.time):
        return "was sent again after it was recorded"
    if earlier.acknowledged and not _any_between(evidence.deaths, earlier.time, again.time):
        return "was sent again although it was acknowledged and no sender died"
    return None


def _any_between(moments: Iterable[float], start: float, end: float) -> bool:
    return any(start - 1.0 <= moment <= end for moment in moments)


def _judge_order(job_id: str, callbacks: Sequence[Callback], verdict: Verdict) -> None:
    for before, after in pairwise(callbacks):
        after_the_end = before.is_terminal and before.acknowledged
        if after_the_end or (after.progress <= before.progress and not after.is_terminal):
            verdict.disordered.append(f"{job_id}: {after.mark} after {before.mark}")


def _judge_completeness(job_id: str, callbacks: Sequence[Callback], verdict: Verdict) -> None:
    if missing := [mark for mark in ALL_SEVEN if mark not in {callback.mark for callback in callbacks}]:
        verdict.missing.append(f"{job_id}: {missing} never came")


def shown(job: dict[str, Any]) -> tuple[str, str]:
    """The status and the error message in a host's answer about a job."""
    return str(job.get("status")), str((job.get("error") or {}).get("message", ""))
