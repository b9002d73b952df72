"""Checks that each configured model loads with the engines that jobs use."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ecg_common.checks import Check, Finding
from ecg_pipeline.analysis.fallbacks import reason_of
from ecg_pipeline.model_hub.faults import ModelFault
from ecg_pipeline.ports import Engines
from ecg_pipeline.settings import PipelineSettings


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One model: its purpose and name, the setting that chooses it, and whether jobs fail without it."""

    purpose: str
    model: str
    setting: str
    load: Callable[[], object]
    is_needed: bool = True


def checks(engines: Engines, settings: PipelineSettings) -> Iterator[Check]:
    """The check of the device, then that of each model, which is loaded."""
    yield Check("device", lambda: [_check_device(engines)], None)
    with suppress(Exception):  # told by the check of the device
        device = engines.device("auto")
        for model in model_checks(engines, settings, device):
            yield Check(model.purpose, lambda model=model: [load_check(model)], None)  # type: ignore[misc]


def _check_device(engines: Engines) -> Finding:
    try:
        return Finding.ok("device", f"models run on {engines.device('auto')}")
    except Exception as error:
        return Finding.fail("device", reason_of(error), "reinstall the pipeline's packages")


def model_checks(engines: Engines, settings: PipelineSettings, device: str) -> Iterator[ModelCheck]:
    asr, diarization = settings.asr_model, settings.diarization_model
    compute_type = engines.compute_type(device)
    load_asr = partial(engines.transcriber, asr, device, compute_type)
    yield ModelCheck(
        "speech detection", "pyannote's, of the whisperX package", "", partial(engines.voice_activity, device)
    )
    yield ModelCheck("transcription", asr, "ASR_MODEL", load_asr)
    yield ModelCheck("diarization", diarization, "DIARIZATION_MODEL", partial(engines.diarizer, device))
    for language, name in settings.align_models.items():
        load = partial(engines.aligner, language, name, device)
        yield ModelCheck(f"alignment {language}", name, "ALIGN_MODELS", load, is_needed=False)
    for language, name in settings.emotion_models.items():
        load_emotion = partial(engines.emotion_classifier, name, device)
        yield ModelCheck(f"emotion {language}", name, "EMOTION_MODELS", load_emotion, is_needed=False)


def load_check(check: ModelCheck) -> Finding:
    began = time.monotonic()
    try:
        check.load()
    except Exception as error:
        found = f"{check.model} does not load: {reason_of(error)}"
        advice = error.advice(check.setting) if isinstance(error, ModelFault) else f"check {check.setting}"
        if check.is_needed:
            return Finding.fail(check.purpose, found, advice)
        return Finding.warn(check.purpose, found, f"{advice}; jobs go on without it")
    return Finding.ok(check.purpose, f"{check.model} loads in {time.monotonic() - began:.1f} s")
