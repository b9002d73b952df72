"""The fixtures of this folder."""

from support.release import release

__all__ = ["release"]
