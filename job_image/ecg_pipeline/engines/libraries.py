"""The engines, as one class whose methods import their libraries when called: nothing heavy loads before a job."""

import functools
import gc
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from ecg_pipeline.engines.cores import Cores, available_cores
from ecg_pipeline.engines.unused_modules import import_late
from ecg_pipeline.model_hub.contents import PYANNOTE_PIPELINE, TRANSFORMERS, WHISPER, Contents, other_repositories
from ecg_pipeline.model_hub.environment import model_hub
from ecg_pipeline.model_hub.hub import Repository
from ecg_pipeline.ports import Aligner, Diarizer, EmotionClassifier, OnModelDownload, Transcriber, VoiceActivity
from ecg_pipeline.settings import PipelineSettings

T = TypeVar("T")
# ruff: noqa: PLC0415 - late imports are this module's purpose

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "true",
    "PYANNOTE_METRICS_ENABLED": "0",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""What keeps the libraries from calling anybody; read when they are imported."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Each operation of a library computes in the thread that calls it; read when they are imported."""


class Libraries:
    """whisperX, pyannote and transformers, which get folders and ask no hub."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._hub = model_hub(settings)
        os.environ.update(QUIET, **ONE_THREAD)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        provide_compiled_code()
        import_late()
        self._cores = Cores(available_cores())

    def use_cores(self, most: int) -> int:
        self._cores.limit(min(most, available_cores()))
        return self._cores.count

    def device(self, wanted: str) -> str:
        if wanted != "auto" or not has_gpu():
            return "cpu"
        if self._settings.gpu_memory_limit_gb is not None:
            limit_gpu_memory(self._settings.gpu_memory_limit_gb)
        return "cuda"

    def compute_type(self, device: str) -> str:
        """float16 on a GPU that has it (compute capability 7 and up), int8 elsewhere."""
        import ctranslate2

        is_half = device == "cuda" and "float16" in ctranslate2.get_supported_compute_types("cuda")
        return "float16" if is_half else "int8"

    def free_gpu_memory(self) -> int:
        import torch

        free, _ = torch.cuda.mem_get_info()
        if (limit_gb := self._settings.gpu_memory_limit_gb) is not None:
            free = min(free, int(limit_gb * 2**30) - torch.cuda.memory_reserved())
        return free

    def warm_up(self) -> None:
        import ecg_pipeline.acoustics
        import ecg_pipeline.engines.alignment
        import ecg_pipeline.engines.asr
        import ecg_pipeline.engines.ctc
        import ecg_pipeline.engines.diarization

        ecg_pipeline.acoustics.warm_up()
        ecg_pipeline.engines.ctc.warm_up()
        gc.freeze()  # the libraries' objects, which no later collection need look at

    def voice_activity(self, device: str) -> VoiceActivity:
        from ecg_pipeline.engines.vad import PyannoteVoiceActivity

        return PyannoteVoiceActivity(device, self._settings.asr_chunk_size, self._cores)

    def watch_downloads(self, listener: OnModelDownload) -> None:
        self._hub.on_download = listener

    def transcriber(self, name: str, device: str, compute_type: str, *, cached_only: bool = False) -> Transcriber:
        from ecg_pipeline.engines.asr import WhisperXTranscriber

        build = partial(WhisperXTranscriber, device=device, compute_type=compute_type, cores=self._cores)
        return self._loaded(name, WHISPER, build, cached_only=cached_only)

    def aligner(self, language: str, name: str, device: str) -> Aligner:
        from ecg_pipeline.engines.alignment import TORCHAUDIO_MODELS, CtcAligner

        nltk_data = self._settings.nltk_data
        build = partial(CtcAligner.load, language, device=device, cores=self._cores, nltk_data=nltk_data)
        if name in TORCHAUDIO_MODELS:
            return build(name)
        return self._loaded(name, TRANSFORMERS, build)

    def diarizer(self, device: str) -> Diarizer:
        from ecg_pipeline.engines.diarization import PyannoteDiarizer

        name = self._settings.diarization_model

        def build(folder: str) -> Diarizer:
            for other, contents in other_repositories(Path(folder)):
                self._hub.folder(Repository(other, contents))
            return PyannoteDiarizer(folder, device, self._cores, has_modules=Path(name).exists())

        return self._loaded(name, PYANNOTE_PIPELINE, build)

    def emotion_classifier(self, name: str, device: str) -> EmotionClassifier:
        from ecg_pipeline.engines.emotion import TransformersEmotionClassifier

        build = partial(TransformersEmotionClassifier, device=device, cores=self._cores)
        return self._loaded(name, TRANSFORMERS, build)

    def _loaded(self, name: str, contents: Contents, build: Callable[[str], T], *, cached_only: bool = False) -> T:
        """The model in the folder `name`, or of the hub's repository for it."""
        from ecg_pipeline.engines.repositories import repository_of

        if Path(name).exists():
            return build(name)
        wanted = repository_of(name, contents, self._settings.model_revisions)
        return self._hub.load(wanted, lambda folder: build(str(folder)), cached_only=cached_only)


@functools.cache
def has_gpu() -> bool:
    """Whether both CTranslate2 and torch see a GPU; torch, slow to import, is asked only where CTranslate2 sees one."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count() == 0:
        return False
    import torch

    return torch.cuda.is_available()


def limit_gpu_memory(limit_gb: float) -> None:
    """Have torch raise its error for exhausted memory beyond that many GiB."""
    import torch

    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit_gb * 2**30 / total))


def provide_compiled_code() -> None:
    """Reuse librosa's functions as compiled while the image was built: compiling them takes 13 s at a job's start.

    numba uses no cache folder that it cannot write to, so the read-only NUMBA_CACHE_SEED is copied to NUMBA_CACHE_DIR.
    Must run before numba is imported.
    """
    seed, target = os.environ.get("NUMBA_CACHE_SEED"), os.environ.get("NUMBA_CACHE_DIR")
    if seed and target and not Path(target).exists():
        shutil.copytree(seed, target)
