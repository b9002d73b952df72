"""The models of one job: which they are, and what is used where one does not load."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple, TypeVar

from ecg_contract.errors import AnalysisError
from ecg_contract.host_protocol import PipelineJob
from ecg_pipeline.analysis.fallbacks import (
    Note,
    asr_plans,
    first_that_loads,
    gpu_memory_error,
    is_gpu_memory_error,
    load_error,
    reason_of,
    short_reason_of,
    smaller_models,
)
from ecg_pipeline.analysis.model_cache import SUBSTITUTE, ModelCache
from ecg_pipeline.ports import (
    Aligner,
    Diarizer,
    EmotionClassifier,
    Engines,
    ModelDownload,
    OnModelDownload,
    Transcriber,
    VoiceActivity,
)
from ecg_pipeline.settings import PipelineSettings

T = TypeVar("T")
_log = logging.getLogger(__name__)
_LATER_MODELS_BYTES = 2_500_000_000
"""GPU memory for the aligner and the emotion model, large ones, which may load while the others work."""


class LoadedTranscriber(NamedTuple):
    """A transcriber, its model's name, and what kept the configured model from loading where it is another."""

    name: str
    model: Transcriber
    fault: str | None = None


class JobModels:
    """The models for the language and device of one job. Methods wait until the model is loaded."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a job's models depend on
        self,
        engines: Engines,
        settings: PipelineSettings,
        cache: ModelCache,
        job: PipelineJob,
        note: Note,
        on_download: OnModelDownload = lambda _: None,
    ) -> None:
        self._engines, self._settings, self._cache, self._note = engines, settings, cache, note
        self._language = job.language.value
        self._wants_emotion = job.emotion_detection
        self._on_download = on_download
        engines.watch_downloads(self._downloading)
        self.device = engines.device(job.wanted_device.value)
        self._compute_type: str = settings.asr_compute_type
        if self._compute_type == "auto":
            self._compute_type = engines.compute_type(self.device)
        self.asr_model = settings.asr_model
        self.asr_plans = asr_plans(settings.asr_batch_size, self._compute_type)
        chosen = {
            "device": self.device,
            "compute_type": self._compute_type,
            "cores": engines.use_cores(job.max_workers),
        }
        _log.info("models_chosen", extra={"asr_model": self.asr_model, **chosen})

    def prefetch(self) -> None:
        """Begin to load all models of the job, in the order in which its stages need them."""
        self._cache.forget_failures()
        self._voice_activity()
        self._diarizer()
        self._transcriber(self._compute_type)
        self._cache.submit("libraries", None, self._engines.warm_up)
        self.prefetch_language()

    def prefetch_language(self) -> None:
        """Begin to load the models that only jobs in this language need."""
        self._aligner(self._language)
        if self._wants_emotion:
            self._emotion_classifier(self._language)

    def await_language(self) -> None:
        """Wait for the models that only jobs in this language need; log those that do not load."""
        for name, model in (("aligner", self._aligner), ("emotion", self._emotion_classifier)):
            loading = model(self._language)
            if loading is not None and isinstance(error := loading.exception(), Exception):
                _log.warning(
                    "model_not_loaded", extra={"model": f"{name} {self._language}", "reason": reason_of(error)}
                )

    def check_needed(self) -> None:
        """Raises AnalysisError when a model that the job cannot do without did not load. Does not wait."""
        if self._voice_activity().done():
            self.voice_activity()
        if self._diarizer().done():
            self.diarizer()
        if self._transcriber(self._compute_type).done():
            self._loaded_transcriber(self._compute_type)

    def missing(self) -> Sequence[str]:
        """Waits for the models that a job cannot do without; the reason of each that did not load."""
        reasons = []
        for load in (self.voice_activity, self.diarizer, partial(self._loaded_transcriber, self._compute_type)):
            try:
                load()
            except AnalysisError as error:
                reasons.append(error.message)
        return reasons

    def voice_activity(self) -> VoiceActivity:
        """Raises AnalysisError."""
        return _await_model("VAD", self._voice_activity(), "the whisperx package, which holds the model")

    def diarizer(self) -> Diarizer:
        """Raises AnalysisError."""
        return _await_model(f"diarization {self._settings.diarization_model}", self._diarizer(), "DIARIZATION_MODEL")

    def transcriber(self, compute_type: str) -> tuple[str, Transcriber]:
        """The transcriber and its model's name, which may be smaller than the configured one. Raises AnalysisError.

        A model loaded with another compute type is replaced.
        """
        loaded = self._loaded_transcriber(compute_type)
        if loaded.fault is not None:
            self._note(f"Whisper {self.asr_model} did not load ({loaded.fault}), {loaded.name} is used")
        return loaded.name, loaded.model

    def aligner(self, language: str) -> Aligner | None:
        """None where no model is configured for the language. Raises what the library raises."""
        model = self._aligner(language)
        return model.result() if model else None

    def emotion_classifier(self, language: str) -> EmotionClassifier | None:
        """None where no model is configured for the language. Raises what the library raises."""
        model = self._emotion_classifier(language)
        return model.result() if model else None

    def fit_side_by_side(self) -> bool:
        """Whether recognition and diarization may run at once: on the CPU, and on a GPU that has memory for both.

        On a GPU it waits for their models; False where one did not load.
        """
        if self.device == "cpu":
            return True
        if not self._settings.gpu_side_by_side:
            return False
        batch_size, compute_type = next(iter(self.asr_plans.values()))
        try:
            transcriber, diarizer = self._loaded_transcriber(compute_type).model, self.diarizer()
        except AnalysisError:
            return False
        needed = transcriber.working_bytes(batch_size) + diarizer.working_bytes() + _LATER_MODELS_BYTES
        free = self._engines.free_gpu_memory()
        _log.info("gpu_memory_compared", extra={"free_bytes": free, "needed_bytes": needed})
        return free >= needed

    def only_emotion_is_left(self) -> None:
        """The job's other stages with models are over."""
        self._cache.job_needs_only("emotion")

    def _downloading(self, download: ModelDownload) -> None:
        self._cache.downloading(download)
        self._on_download(download)

    def _voice_activity(self) -> "Future[VoiceActivity]":
        return self._cache.submit("vad", self.device, lambda: self._engines.voice_activity(self.device))

    def _diarizer(self) -> "Future[Diarizer]":
        return self._cache.submit("diarizer", self.device, lambda: self._engines.diarizer(self.device))

    def _loaded_transcriber(self, compute_type: str) -> "LoadedTranscriber":
        return _await_model(f"Whisper {self.asr_model}", self._transcriber(compute_type), "ASR_MODEL")

    def _transcriber(self, compute_type: str) -> "Future[LoadedTranscriber]":
        """The configured model, or the substitute for it where it did not load."""
        how = (self.device, compute_type)
        load = partial(self._load_transcriber, how)
        configured = self._cache.submit("transcriber", (self.asr_model, *how), partial(load, self.asr_model))
        if configured.done() and not configured.exception():
            return configured
        substitute = partial(self._substitute, configured, load)
        return self._cache.submit(SUBSTITUTE, (f"for {self.asr_model}", *how), substitute)

    def _load_transcriber(
        self, how: tuple[str, str], name: str, *, cached_only: bool = False, fault: str | None = None
    ) -> "LoadedTranscriber":
        return LoadedTranscriber(name, self._engines.transcriber(name, *how, cached_only=cached_only), fault)

    def _substitute(
        self, configured: "Future[LoadedTranscriber]", load: Callable[..., "LoadedTranscriber"]
    ) -> "LoadedTranscriber":
        """Runs after the configured model's load, in the same thread."""
        try:
            return configured.result()
        except Exception as error:
            fault = error
        _log.error("model_not_loaded", extra={"model": self.asr_model, "reason": reason_of(fault)})
        if not self._settings.asr_fallback or is_gpu_memory_error(fault):
            raise fault
        loaded = first_that_loads(
            smaller_models(self.asr_model),
            lambda name, cached_only: load(name, cached_only=cached_only, fault=short_reason_of(fault)),
            fault,
        )
        _log.warning("smaller_model_used", extra={"asr_model": self.asr_model, "used": loaded.name})
        return loaded

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


def _await_model(what: str, model: Future[T], setting: str) -> T:
    try:
        return model.result()
    except AnalysisError:
        raise
    except Exception as error:
        if is_gpu_memory_error(error):
            raise gpu_memory_error(what) from error
        _log.error("model_not_loaded", extra={"model": what, "reason": reason_of(error)})
        raise load_error(what, error, setting) from error
