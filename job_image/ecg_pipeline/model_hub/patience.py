"""How long the hub is waited for: a few tries, and none after too long a time without a byte."""

import logging
import time
from collections.abc import Callable

from ecg_common.retry import delay_after
from ecg_pipeline.model_hub.faults import FaultKind, ModelFault

_log = logging.getLogger(__name__)
_PAUSES_S = (1.0, 4.0)
_TRIES = 3
TIMEOUTS = 2.5
_NEWS_BYTES = 64 * 1024


class Patience:
    """The tries of one repository's download. `timeout_s` is that of a request."""

    def __init__(
        self,
        model: str,
        host: str,
        timeout_s: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model, self._host, self._limit_s = model, host, TIMEOUTS * timeout_s
        self._sleep, self._clock = sleep, clock
        self._last, self._failures, self._arrived = self._clock(), 0, 0

    def has_news(self, count: int) -> None:
        """`count` bytes arrived: the time begins anew, and after 64 KiB in one try the tries."""
        self._last, self._arrived = self._clock(), self._arrived + count
        if self._arrived >= _NEWS_BYTES:
            self._failures, self._arrived = 0, 0

    def wait_or_give_up(self, reason: str, *, tries: bool = True) -> None:
        """Pause before another try; without `tries` only the time counts. Raises ModelFault (AWAY)."""
        self._failures += tries
        self._arrived = 0
        pause = delay_after(max(self._failures, 1), _PAUSES_S)
        if self._failures >= _TRIES or self._clock() - self._last + pause > self._limit_s:
            found = f"the model hub {self._host} does not give {self._model}: {reason}"
            raise ModelFault(FaultKind.AWAY, self._model, found)
        _log.warning("model_hub_try_failed", extra={"model": self._model, "reason": reason, "pause_seconds": pause})
        self._sleep(pause)
