"""For jobs that may not download: waits for models that `--pull-models` brings into the same cache."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecg_pipeline.model_hub.manifest import Manifest, read_manifest
from ecg_pipeline.ports import ModelDownload, OnModelDownload

_PAUSE_S = 1.0
_log = logging.getLogger(__name__)


@dataclass
class PulledModels:
    """The cache in `root`, filled by a process with the settings of `settings_digest`."""

    root: Path
    settings_digest: str
    limit_s: float
    pause_s: float = _PAUSE_S

    def wait_for(self, cached: Callable[[], Path | None], model: str, listener: OnModelDownload) -> Path | None:
        """What `cached` gives once it is there; None when the other process ended without it, or after `limit_s`."""
        began, waits = time.monotonic(), False
        while True:
            is_over = self._is_over()  # asked before the cache: what it brought is complete by then
            found = cached()
            seconds = time.monotonic() - began
            if waits and (found or is_over or seconds >= self.limit_s):
                listener(ModelDownload(model, 0, 0, seconds, is_over=True))
            if found or is_over or seconds >= self.limit_s:
                return found
            if not waits:
                _log.info("model_awaited", extra={"model": model, "limit_seconds": self.limit_s})
            waits = True
            listener(ModelDownload(model, 0, 0, seconds, is_over=False))
            time.sleep(self.pause_s)

    @property
    def failure(self) -> str:
        """What the other process could not have, to be added to a message."""
        manifest = self._manifest()
        return f"; when it was filled: {manifest.failures[0]}" if manifest and manifest.failures else ""

    def _is_over(self) -> bool:
        manifest = self._manifest()
        return manifest is not None and manifest.state != "pulling"

    def _manifest(self) -> Manifest | None:
        manifest = read_manifest(self.root)
        return manifest if manifest and manifest.settings_digest == self.settings_digest else None
