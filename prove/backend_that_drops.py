"""A backend that leaves some callbacks without an answer, and remembers which."""

import random
import threading
from collections.abc import Sequence

from judged import Callback, callback_of

from support.receiver import DROP, OK, Answer, Received, Receiver


class Dropping:
    """`backend` answers each callback 200 after up to `delay_s`, and drops the share `drops` of them."""

    def __init__(self, seed: int, drops: float = 0.03, delay_s: float = 0.03) -> None:
        self._random, self._drops, self._delay_s = random.Random(seed), drops, delay_s
        self._lock = threading.Lock()
        self._dropped: set[int] = set()
        self.backend = Receiver(self._answer)

    def _answer(self, received: Received) -> Answer:
        with self._lock:
            if self._random.random() < self._drops:
                self._dropped.add(id(received))  # the receiver keeps it, so the id stays its own
                return DROP
            return Answer(delay_s=self._random.random() * self._delay_s) if self._delay_s else OK

    def callbacks(self) -> Sequence[Callback]:
        requests = self.backend.requests
        return [callback_of(request, acknowledged=id(request) not in self._dropped) for request in requests]
