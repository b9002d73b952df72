"""Downloads videos; nothing else opens a URL from a request."""

from ecg_pipeline.fetch.common import FetchedFile
from ecg_pipeline.fetch.fetch import fetch

__all__ = ["FetchedFile", "fetch"]
