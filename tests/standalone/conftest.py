"""The fixtures of this folder."""

from support.standalone import serve

__all__ = ["serve"]
