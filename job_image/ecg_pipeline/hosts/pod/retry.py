"""What an answer of the API server means to a pod, and how long a request is repeated."""

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
"""The pod's token or its VideoJob is no longer known."""


class Verdict(Enum):
    ACCEPTED = auto()
    LATER = auto()
    """Repeat the request: the server is unavailable, or the operator has not assigned the pod yet."""
    STOP = auto()
    """This attempt is no longer the current one."""
    WRONG = auto()
    """A bug of this project; repeating the request does not help."""


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
    """Seconds before the next try: doubling up to ten, with jitter, and at least the server's Retry-After."""
    planned = exponential_backoff(tries + 1, _FIRST_S, _LONGEST_S) * (0.5 + chance() / 2)
    return max(planned, answer.retry_after.total_seconds() if answer.retry_after else 0.0)


def with_retries(
    ask: Callable[[], Answer], patience_s: float, judge: Callable[[Answer], Verdict] = verdict
) -> tuple[Verdict, Answer]:
    """Repeat a request; the first answer that is not `LATER`, or the last one after `patience_s` seconds."""
    deadline, tries = time.monotonic() + patience_s, 0
    while True:
        answer = ask()
        found = judge(answer)
        left = deadline - time.monotonic()
        if found is not Verdict.LATER or left <= 0:
            return found, answer
        time.sleep(min(pause_s(tries, answer), left))
        tries += 1
