"""What an answer of the API server means to a pod, and how long it goes on asking."""

import random
import time
from collections.abc import Callable
from enum import Enum, auto

from ecg_cluster.pod_client import Answer
from ecg_common.retry import exponential_backoff
from ecg_contract.videojob.refusals import FENCED, FINISHED, UNASSIGNED, UNBOUND

_FIRST_S, _LONGEST_S = 0.2, 10.0
_LOST = (FENCED, FINISHED, UNBOUND)
_LATER = (403, 408, 409, 425, 429)
_GONE = (401, 404)
"""The pod is not known any more, or its VideoJob."""


class Verdict(Enum):
    ACCEPTED = auto()
    LATER = auto()
    """Ask again: the server is busy or away, or the operator has not assigned the pod yet."""
    STOP = auto()
    """This attempt is not the current one any more; nothing that it says counts."""
    WRONG = auto()
    """A fault of this project's: asking again does not help."""


def verdict(answer: Answer) -> Verdict:
    """What `answer` means. The admission policy refuses with 422, as the server does a malformed report: only the
    message differs."""
    status, text = answer.status, answer.text
    if status is None or status >= 500 or status in _LATER or (status == 422 and UNASSIGNED in text):
        return Verdict.LATER
    if status in _GONE or (status == 422 and any(message in text for message in _LOST)):
        return Verdict.STOP
    return Verdict.ACCEPTED if 200 <= status < 300 else Verdict.WRONG


def pause_s(tries: int, answer: Answer, chance: Callable[[], float] = random.random) -> float:
    """Seconds before the next try: doubling up to ten, with jitter; the server's own wish goes before."""
    planned = exponential_backoff(tries + 1, _FIRST_S, _LONGEST_S) * (0.5 + chance() / 2)
    return max(planned, answer.retry_after.total_seconds() if answer.retry_after else 0.0)


def persistently(ask: Callable[[], Answer], patience_s: float) -> tuple[Verdict, Answer]:
    """The first answer that is more than `LATER`, or the last when patience is over."""
    deadline, tries = time.monotonic() + patience_s, 0
    while True:
        answer = ask()
        found = verdict(answer)
        left = deadline - time.monotonic()
        if found is not Verdict.LATER or left <= 0:
            return found, answer
        time.sleep(min(pause_s(tries, answer), left))
        tries += 1
