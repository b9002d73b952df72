"""The fixtures of this folder."""

from support.standalone import backend, serve

__all__ = ["backend", "serve"]
