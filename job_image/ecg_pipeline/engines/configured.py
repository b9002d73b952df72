"""The models that the settings name, and where each comes from."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecg_pipeline.engines.repositories import repository_of
from ecg_pipeline.model_hub.contents import PYANNOTE_PIPELINE, TRANSFORMERS, WHISPER, Contents
from ecg_pipeline.model_hub.hub import Repository
from ecg_pipeline.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class ConfiguredModel:
    """A model's purpose and name, and the setting that names it."""

    purpose: str
    name: str
    setting: str
    contents: Contents
    revisions: Mapping[str, str]

    @property
    def is_local(self) -> bool:
        """Whether it is a folder, or one that torchaudio downloads itself: the hub has nothing to do with it."""
        if Path(self.name).exists():
            return True
        if "/" in self.name or self.contents is not TRANSFORMERS:
            return False
        from ecg_pipeline.engines.alignment import TORCHAUDIO_MODELS  # noqa: PLC0415 - takes long to import

        return self.name in TORCHAUDIO_MODELS

    def repository(self) -> Repository:
        """Raises ModelFault for a name that is none."""
        return repository_of(self.name, self.contents, self.revisions)


def configured_models(settings: PipelineSettings, languages: Collection[str] = ()) -> Iterator[ConfiguredModel]:
    """Each once; of the models for a language those of `languages`, or all."""
    named: list[tuple[str, str, str, Contents]] = [
        ("transcription", settings.asr_model, "ASR_MODEL", WHISPER),
        ("diarization", settings.diarization_model, "DIARIZATION_MODEL", PYANNOTE_PIPELINE),
    ]
    for purpose, setting, models in (
        ("alignment", "ALIGN_MODELS", settings.align_models),
        ("emotion", "EMOTION_MODELS", settings.emotion_models),
    ):
        wanted = {language: name for language, name in models.items() if not languages or language in languages}
        named += [(f"{purpose} {language}", name, setting, TRANSFORMERS) for language, name in wanted.items()]
    for purpose, name, setting, contents in named:
        yield ConfiguredModel(purpose, name, setting, contents, settings.model_revisions)
