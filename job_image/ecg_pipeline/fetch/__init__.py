"""Downloads: the only place that opens URLs from requests."""

from ecg_pipeline.fetch.common import FetchedFile
from ecg_pipeline.fetch.fetch import fetch

__all__ = ["FetchedFile", "fetch"]
