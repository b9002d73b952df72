"""Checks that each configured model loads with the engines that jobs use."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ecg_common.checks import Finding
from ecg_pipeline.analysis.fallbacks import reason_of
from ecg_pipeline.model_hub.faults import ModelFault
from ecg_pipeline.ports import Engines
from ecg_pipeline.settings import PipelineSettings

_THREADS = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One model: its purpose and name, the setting that chooses it, and whether jobs fail without it."""

    purpose: str
    model: str
    setting: str
    load: Callable[[], object]
    is_needed: bool = True


def check_models(engines: Engines, settings: PipelineSettings) -> Iterator[Finding]:
    """Findings for the device, then for each model once it has been loaded."""
    try:
        device = engines.device("auto")
    except Exception as error:
        yield Finding.fail("device", reason_of(error), "reinstall the pipeline's packages")
        return
    yield Finding.ok("device", f"models run on {device}")
    for check in model_checks(engines, settings, device):
        yield load_check(check)


def model_checks(engines: Engines, settings: PipelineSettings, device: str) -> Iterator[Check]:
    asr, diarization = settings.asr_model, settings.diarization_model
    compute_type = engines.compute_type(device)
    load_asr = partial(engines.transcriber, asr, device, compute_type, _THREADS)
    yield Check("speech detection", "pyannote's, of the whisperX package", "", partial(engines.voice_activity, device))
    yield Check("transcription", asr, "ASR_MODEL", load_asr)
    yield Check("diarization", diarization, "DIARIZATION_MODEL", partial(engines.diarizer, device))
    for language, name in settings.align_models.items():
        load = partial(engines.aligner, language, name, device)
        yield Check(f"alignment {language}", name, "ALIGN_MODELS", load, is_needed=False)
    for language, name in settings.emotion_models.items():
        load_emotion = partial(engines.emotion_classifier, name, device)
        yield Check(f"emotion {language}", name, "EMOTION_MODELS", load_emotion, is_needed=False)


def load_check(check: Check) -> Finding:
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
