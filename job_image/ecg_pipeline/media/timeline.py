"""Places decoded frames on the container's clock. Pure; all times are in seconds.

Plausible timestamps are used: a gap becomes silence and a short overlap is dropped, so that a word's time is the moment
at which a player plays it. A jump beyond the file's declared end, or back by more than a second, means that the
timestamps are broken: the frame follows the one before, and later timestamps count from there.
"""

from dataclasses import dataclass

_JITTER = 0.05
"""Tolerated deviation: timestamps are rounded, by some writers to video frames."""
_OVERLAP = 1.0
_UNDECLARED_GAP = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """What to do before a frame is appended."""

    silence_until: float | None = None
    """Fill with silence up to here, where the frame begins."""
    drop: float = 0.0
    """Seconds to drop from the frame's beginning: they overlap what was appended before."""


FOLLOWS = Place()


class Timeline:
    """Follows the timestamps of one track."""

    def __init__(self, origin: float, end: float | None) -> None:
        """`origin` is the container's time zero; `end` the declared length, None when nothing is declared."""
        self._origin, self._end = origin, end
        self._now = 0.0
        self._started = False
        self.jumps = 0
        """How often the timestamps jumped implausibly."""

    def place(self, time: float | None, duration: float, *, after_loss: bool = False) -> Place:
        """Place the next frame. `after_loss`: packets before it could not be decoded, so even a tiny gap is filled."""
        start = self._now if time is None else time - self._origin
        gap = start - self._now
        tolerance = 0.001 if after_loss or not self._started else _JITTER
        self._started = True
        place = self._placed(start, gap, duration) if abs(gap) > tolerance else FOLLOWS
        self._now = (place.silence_until if place.silence_until is not None else self._now) + duration - place.drop
        return place

    def _placed(self, start: float, gap: float, duration: float) -> Place:
        if gap > 0 and (start <= self._end + 1 if self._end else gap <= _UNDECLARED_GAP):
            return Place(silence_until=start)
        if -_OVERLAP <= gap < 0:
            return Place(drop=min(-gap, duration))
        self.jumps += 1
        self._origin += gap
        return FOLLOWS
