"""The models of the process: loaded in the background, kept between jobs.

A single thread loads them in the order in which a job needs them: imports hold the interpreter's lock anyway, and the
model libraries do not support concurrent imports.
"""

import logging
import os
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from ecg_common.redact import redact_text
from ecg_contract.errors import AnalysisError
from ecg_contract.host_protocol import PipelineJob
from ecg_pipeline.analysis.fallbacks import (
    Note,
    asr_plans,
    first_that_loads,
    gpu_memory_error,
    is_gpu_memory_error,
    model_error,
)
from ecg_pipeline.ports import Aligner, Diarizer, EmotionClassifier, Engines, Transcriber, VoiceActivity
from ecg_pipeline.settings import PipelineSettings

T = TypeVar("T")
_log = logging.getLogger(__name__)
_KEPT = {"aligner": 2, "emotion": 2}
"""How many models of a kind stay loaded; one of any other kind."""


class ModelCache:
    """Loads each model once and keeps the most recently used of each kind."""

    def __init__(self) -> None:
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="model-loader")
        self._models: dict[tuple[str, Hashable], Future[Any]] = {}

    def submit(self, kind: str, key: Hashable, load: Callable[[], Any]) -> Future[Any]:
        """A model's future: loads the model unless it is cached, and evicts the least recently used of its kind."""
        entry = (kind, key)
        future = self._models.pop(entry, None)
        same = [other for other in self._models if other[0] == kind]
        for old in same[: max(0, len(same) + 1 - _KEPT.get(kind, 1))]:
            del self._models[old]
        self._models[entry] = future or self._loader.submit(_load_timed, kind, key, load)
        return self._models[entry]

    def forget_failures(self) -> None:
        """Drop failed loads, so that the next request tries again."""
        failed = [entry for entry, future in self._models.items() if future.done() and future.exception()]
        for entry in failed:
            del self._models[entry]


def _load_timed(kind: str, key: Hashable, load: Callable[[], Any]) -> Any:
    began = time.monotonic()
    model = load()
    name = " ".join(map(str, key)) if isinstance(key, tuple) else str(key or "all")
    _log.info("model_loaded", extra={"kind": kind, "model": name, "seconds": round(time.monotonic() - began, 2)})
    return model


class JobModels:
    """The models for the language and device of one job. Methods wait until the model is loaded."""

    def __init__(
        self, engines: Engines, settings: PipelineSettings, cache: ModelCache, job: PipelineJob, note: Note
    ) -> None:
        self._engines, self._settings, self._cache, self._note = engines, settings, cache, note
        self._language = job.language.value
        self.device = engines.device(job.wanted_device.value)
        self._threads = min(job.max_workers, _available_cores())
        self._compute_type: str = settings.asr_compute_type
        if self._compute_type == "auto":
            self._compute_type = engines.compute_type(self.device)
        self.asr_model = settings.asr_model
        self.asr_plans = asr_plans(settings.asr_batch_size, self._compute_type)
        chosen = {"device": self.device, "compute_type": self._compute_type, "threads": self._threads}
        _log.info("models_chosen", extra={"asr_model": self.asr_model, **chosen})

    def prefetch(self) -> None:
        """Begin to load all models of the job, in the order in which its stages need them."""
        self._cache.forget_failures()
        self._voice_activity()
        self._diarizer()
        self._transcriber(self._compute_type)
        self._cache.submit("libraries", None, self._engines.warm_up)
        self._aligner(self._language)
        self._emotion_classifier(self._language)

    def voice_activity(self) -> VoiceActivity:
        """Raises AnalysisError."""
        return _await_model("VAD", self._voice_activity(), "reinstall whisperx, whose package holds the model")

    def diarizer(self) -> Diarizer:
        """Raises AnalysisError."""
        name = self._settings.diarization_model
        advice = (
            f"set HF_TOKEN and accept the conditions on https://huggingface.co/{name} as the token's owner,"
            " or set DIARIZATION_MODEL to a local folder"
        )
        return _await_model(f"diarization {name}", self._diarizer(), advice)

    def transcriber(self, compute_type: str) -> tuple[str, Transcriber]:
        """The transcriber and its model's name, which may be smaller than the configured one. Raises AnalysisError.

        A model loaded with another compute type is replaced.
        """
        name, transcriber = _await_model("Whisper", self._transcriber(compute_type), "check ASR_MODEL")
        if name != self.asr_model:
            self._note(f"Whisper {self.asr_model} did not load, {name} is used")
        return name, transcriber

    def aligner(self, language: str) -> Aligner | None:
        """None where no model is configured for the language. Raises what the library raises."""
        model = self._aligner(language)
        return model.result() if model else None

    def emotion_classifier(self, language: str) -> EmotionClassifier | None:
        """None where no model is configured for the language. Raises what the library raises."""
        model = self._emotion_classifier(language)
        return model.result() if model else None

    def _voice_activity(self) -> "Future[VoiceActivity]":
        return self._cache.submit("vad", self.device, lambda: self._engines.voice_activity(self.device))

    def _diarizer(self) -> "Future[Diarizer]":
        return self._cache.submit("diarizer", self.device, lambda: self._engines.diarizer(self.device))

    def _transcriber(self, compute_type: str) -> "Future[tuple[str, Transcriber]]":
        how = (self.device, compute_type, self._threads)
        load = partial(first_that_loads, self.asr_model, lambda name: self._engines.transcriber(name, *how))
        return self._cache.submit("transcriber", (self.asr_model, *how), load)

    def _aligner(self, language: str) -> "Future[Aligner] | None":
        if (name := self._settings.align_models.get(language)) is None:
            return None
        key = (language, name, self.device)
        return self._cache.submit("aligner", key, partial(self._engines.aligner, *key))

    def _emotion_classifier(self, language: str) -> "Future[EmotionClassifier] | None":
        if (name := self._settings.emotion_models.get(language)) is None:
            return None
        key = (name, self.device)
        return self._cache.submit("emotion", key, partial(self._engines.emotion_classifier, *key))


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _await_model(what: str, model: Future[T], advice: str) -> T:
    try:
        return model.result()
    except AnalysisError:
        raise
    except Exception as error:
        if is_gpu_memory_error(error):
            raise gpu_memory_error(what) from error
        reason = redact_text(f"{type(error).__name__}: {error}")
        _log.error("model_not_loaded", extra={"model": what, "reason": reason})
        raise model_error(what, reason, advice) from error
