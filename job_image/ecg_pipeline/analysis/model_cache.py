"""The models of the process: loaded in the background, kept between jobs where there is more than one.

A single thread loads them in the order in which a job needs them: imports hold the interpreter's lock anyway, and the
model libraries do not support concurrent imports.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ecg_pipeline.memory import return_freed_memory
from ecg_pipeline.ports import ModelDownload

_log = logging.getLogger(__name__)
SUBSTITUTE = "transcriber or a smaller one"
"""The kind of the transcriber that is used: the configured one, or a smaller one in its place."""
_KEPT = {"aligner": 2, "emotion": 2}
"""How many models of a kind stay loaded; one of any other kind."""


class ModelCache:
    """Loads each model once and keeps the most recently used of each kind.

    With `for_one_job`, the last stages have the memory of the models that only earlier ones need.
    """

    def __init__(self, *, for_one_job: bool = False) -> None:
        self._for_one_job = for_one_job
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="model-loader")
        self._models: dict[tuple[str, Hashable], Future[Any]] = {}
        self._lock = threading.Lock()
        self._download_s = 0.0

    def submit(self, kind: str, key: Hashable, load: Callable[[], Any]) -> Future[Any]:
        """A model's future: loads the model unless it is cached, and evicts the least recently used of its kind."""
        entry = (kind, key)
        with self._lock:
            future = self._models.pop(entry, None)
            same = [other for other in self._models if other[0] == kind]
            if surplus := same[: max(0, len(same) + 1 - _KEPT.get(kind, 1))]:
                self._drop(surplus)
            self._models[entry] = future or self._loader.submit(self._load_timed, kind, key, load)
            return self._models[entry]

    def forget_failures(self) -> None:
        """Drop failed loads and substitutes for them, so that the next request tries again."""
        with self._lock:
            for entry, future in list(self._models.items()):
                if entry[0] == SUBSTITUTE or (future.done() and future.exception()):
                    del self._models[entry]

    def job_needs_only(self, kind: str) -> None:
        """Until its end. Nothing is dropped where another job may follow."""
        if self._for_one_job:
            with self._lock:
                self._drop([entry for entry in self._models if entry[0] != kind])

    def _drop(self, entries: Sequence[tuple[str, Hashable]]) -> None:
        for entry in entries:
            del self._models[entry]
        self._loader.submit(_collect_garbage)

    def downloading(self, download: ModelDownload) -> None:
        """A model is being downloaded, in the loader's thread."""
        if download.is_over:
            self._download_s += download.seconds

    def _load_timed(self, kind: str, key: Hashable, load: Callable[[], Any]) -> Any:
        began, self._download_s = time.monotonic(), 0.0
        model = load()
        return_freed_memory()  # of the weights that transformers makes and then replaces by those of the file
        if kind == SUBSTITUTE:
            return model  # logged where it is chosen
        seconds = time.monotonic() - began - self._download_s
        name = " ".join(map(str, key)) if isinstance(key, tuple) else str(key or "all")
        times = {"seconds": round(seconds, 2), "download_seconds": round(self._download_s, 2)}
        _log.info("model_loaded", extra={"kind": kind, "model": name, **times})
        return model


def _collect_garbage() -> None:
    """`torch.load` leaves a cycle of references to a model's weights."""
    gc.collect()
    return_freed_memory()
