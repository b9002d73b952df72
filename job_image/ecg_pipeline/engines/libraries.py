"""The engines, as one class whose methods import their libraries when called: nothing heavy loads before a job."""

import functools
import os
import shutil
from pathlib import Path

from ecg_pipeline.ports import Aligner, Diarizer, EmotionClassifier, Transcriber, VoiceActivity
from ecg_pipeline.settings import PipelineSettings

# ruff: noqa: PLC0415 - late imports are this module's purpose


class Libraries:
    """whisperX, pyannote and transformers."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._token = settings.hf_token.get_secret_value() if settings.hf_token else None
        os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # read when pyannote is imported
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        provide_compiled_code()

    def device(self, wanted: str) -> str:
        return "cuda" if wanted == "auto" and has_gpu() else "cpu"

    def compute_type(self, device: str) -> str:
        """float16 on a GPU that has it (compute capability 7 and up), int8 elsewhere."""
        import ctranslate2

        is_half = device == "cuda" and "float16" in ctranslate2.get_supported_compute_types("cuda")
        return "float16" if is_half else "int8"

    def warm_up(self) -> None:
        import ecg_pipeline.acoustics
        import ecg_pipeline.engines.alignment
        import ecg_pipeline.engines.asr
        import ecg_pipeline.engines.diarization

        ecg_pipeline.acoustics.warm_up()

    def voice_activity(self, device: str) -> VoiceActivity:
        from ecg_pipeline.engines.vad import PyannoteVoiceActivity

        return PyannoteVoiceActivity(device, self._settings.asr_chunk_size)

    def transcriber(self, name: str, device: str, compute_type: str, threads: int) -> Transcriber:
        import torch

        from ecg_pipeline.engines.asr import WhisperXTranscriber
        from ecg_pipeline.engines.revisions import whisper_folder

        torch.set_num_threads(threads)
        folder = whisper_folder(name, self._revision(name), self._token)
        return WhisperXTranscriber(folder, device, compute_type, threads, self._token)

    def aligner(self, language: str, name: str, device: str) -> Aligner:
        from ecg_pipeline.engines.alignment import WhisperXAligner
        from ecg_pipeline.engines.revisions import model_folder

        folder = model_folder(name, self._revision(name), self._token)
        return WhisperXAligner(language, folder, device, self._settings.nltk_data)

    def diarizer(self, device: str) -> Diarizer:
        from ecg_pipeline.engines.diarization import PyannoteDiarizer

        name = self._settings.diarization_model
        return PyannoteDiarizer(name, device, self._token, self._revision(name))

    def emotion_classifier(self, name: str, device: str) -> EmotionClassifier:
        from ecg_pipeline.engines.emotion import TransformersEmotionClassifier

        return TransformersEmotionClassifier(name, device, self._token, self._revision(name))

    def _revision(self, name: str) -> str | None:
        return self._settings.model_revisions.get(name)


@functools.cache
def has_gpu() -> bool:
    """Whether both CTranslate2 and torch see a GPU; torch, slow to import, is asked only where CTranslate2 sees one."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count() == 0:
        return False
    import torch

    return torch.cuda.is_available()


def provide_compiled_code() -> None:
    """Reuse librosa's functions as compiled while the image was built: compiling them takes 13 s at a job's start.

    numba uses no cache folder that it cannot write to, so the read-only NUMBA_CACHE_SEED is copied to NUMBA_CACHE_DIR.
    Must run before numba is imported.
    """
    seed, target = os.environ.get("NUMBA_CACHE_SEED"), os.environ.get("NUMBA_CACHE_DIR")
    if seed and target and not Path(target).exists():
        shutil.copytree(seed, target)
