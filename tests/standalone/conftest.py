"""The fixtures of this folder."""

from support.sqlite_storage import clock, storage
from support.standalone import serve

__all__ = ["clock", "serve", "storage"]
