"""The least rate of a download: one that cannot be complete in time is given up early."""

import time
from collections.abc import Callable

from ecg_pipeline.fetch.common import TryAgainError
from ecg_pipeline.settings import FetchSettings

_LEAST_BYTES = 64 * 1024
"""Fewer bytes within a stall timeout count as a stall."""


class LeastRate:
    """Measured over windows of a stall timeout; the time limit is that of the whole download, from now on."""

    def __init__(self, settings: FetchSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._clock = settings.fetch_stall_timeout_s, clock
        self._deadline = clock() + settings.fetch_total_timeout_s
        self.begin()

    def begin(self) -> None:
        """A try begins."""
        self._since, self._arrived = self._clock(), 0

    def arrived(self, size: int, missing: int | None) -> None:
        """Take `size` more bytes into account, `missing` the rest where it is known. Raises TryAgainError."""
        self._arrived += size
        now = self._clock()
        if now - self._since < self._window:
            return
        if self._arrived < _LEAST_BYTES:
            raise TryAgainError(f"only {self._arrived} bytes in {self._window:g} s")
        rate = self._arrived / (now - self._since)
        if missing is not None and missing > rate * (self._deadline - now):
            hours, left = missing / rate / 3600, max(0.0, self._deadline - now) / 3600
            raise TryAgainError(
                f"at {rate / 1024:.0f} KiB/s the rest would take {hours:.1f} h, and {left:.1f} h are left"
            )
        self.begin()
