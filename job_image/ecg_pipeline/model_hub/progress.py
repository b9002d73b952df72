"""Reports of a download: log lines, and events for the running job."""

import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from ecg_pipeline.model_hub.client import HubFile
from ecg_pipeline.ports import ModelDownload, OnModelDownload

_log = logging.getLogger(__name__)
_EVENT_S = 0.5
_LINE_S = 10.0


class DownloadProgress:
    """Counts the bytes of one repository; a context."""

    def __init__(self, model: str, files: Sequence[HubFile], listener: OnModelDownload) -> None:
        self._model, self._files, self._listener = model, len(files), listener
        self._total = sum(file.size or 0 for file in files)
        self._done, self._began = 0, time.monotonic()
        self._event_at = self._line_at = self._began

    def add(self, count: int) -> None:
        """`count` more bytes are on the disk."""
        self._done += count
        now = time.monotonic()
        if now - self._event_at >= _EVENT_S:
            self._event_at = now
            self._tell(is_over=False)
        if now - self._line_at >= _LINE_S:
            self._line_at = now
            percent = round(100 * self._done / self._total) if self._total else None
            _log.info("model_download_progress", extra={**self._state(), "percent": percent})

    def __enter__(self) -> Self:
        _log.info("model_download_started", extra={**self._state(), "files": self._files})
        self._tell(is_over=False)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None:
            _log.info("model_download_finished", extra={**self._state(), "seconds": round(self._seconds, 2)})
        else:
            _log.error("model_download_failed", extra={**self._state(), "reason": str(error)})
        self._tell(is_over=True)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _state(self) -> dict[str, object]:
        return {"model": self._model, "bytes": self._done, "total_bytes": self._total}

    def _tell(self, *, is_over: bool) -> None:
        self._listener(ModelDownload(self._model, self._done, self._total, self._seconds, is_over))
