"""What a part prints while it runs (stderr), and its figures (stdout)."""

import sys
import time
from dataclasses import dataclass, field


@dataclass
class Progress:
    """At most one line every few seconds."""

    part: str
    every_s: float = 10.0
    began: float = field(default_factory=time.monotonic)
    _last: float = 0.0

    def say(self, text: str, *, now: bool = False) -> None:
        moment = time.monotonic()
        if now or moment - self._last >= self.every_s:
            self._last = moment
            print(f"   {self.part} {moment - self.began:5.0f} s: {text}", file=sys.stderr, flush=True)


def figure(text: str) -> None:
    print(text, flush=True)
