"""Loads models before the first job, and keeps account of those that every job needs and that are missing."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ecg_contract.host_protocol import PipelineJob, Source
from ecg_contract.languages import Language
from ecg_pipeline.analysis.fallbacks import reason_of
from ecg_pipeline.analysis.model_cache import ModelCache
from ecg_pipeline.analysis.models import JobModels
from ecg_pipeline.ports import Engines
from ecg_pipeline.settings import PipelineSettings

LOADING = "the models are being loaded"
_LANGUAGES = 2
"""As many as have their models kept."""
_log = logging.getLogger(__name__)


class EagerModels:
    """The models of a request without options, and the aligners and emotion models of WARM_LANGUAGES."""

    def __init__(
        self,
        engines: Engines,
        settings: PipelineSettings,
        cache: ModelCache,
        report: Callable[[Sequence[str]], None],
    ) -> None:
        """`report` is called, in another thread, with the reasons why models are missing once that is known."""
        self._engines, self._settings, self._cache, self._report = engines, settings, cache, report
        self._busy = threading.Lock()
        self.missing: Sequence[str] = (LOADING,)
        """The reasons why models are missing."""

    def load(self) -> None:
        """Begin to load what is not loaded; without effect while this is under way."""
        if self._busy.acquire(blocking=False):
            threading.Thread(target=self._load, name="eager-models", daemon=True).start()

    def _load(self) -> None:
        try:
            first, *others = [self._models_for(language) for language in self._languages()]
            first.prefetch()
            for other in others:
                other.prefetch_language()
            self.missing = first.missing()
            for models in (first, *others):
                models.await_language()
            self._report(self.missing)
        except Exception as error:  # the libraries themselves do not load
            _log.exception("eager_models_failed")
            self.missing = (f"the models cannot be loaded: {reason_of(error)}",)
            self._report(self.missing)
        finally:
            self._busy.release()

    def _languages(self) -> Sequence[Language]:
        wanted = self._settings.warm_languages or self._settings.align_models
        known = [Language(name) for name in wanted if name in set(Language)]
        return known[:_LANGUAGES] or [Language.AUTO]

    def _models_for(self, language: Language) -> JobModels:
        nowhere = Path()
        job = PipelineJob(job_id="", source=Source(path=nowhere), result_path=nowhere, language=language)
        return JobModels(self._engines, self._settings, self._cache, job, note=lambda _: None)
