"""The pipeline's settings, read from the environment once at start and passed on from there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from ecg_common.settings import LogFileSettings
from ecg_pipeline.settings_media import FetchSettings

ComputeType = Literal["auto", "int8", "int8_float16", "int8_float32", "float16", "bfloat16", "float32"]


class PipelineSettings(FetchSettings, LogFileSettings):
    """The pipeline process; inherits the settings of downloads and media."""

    asr_model: str = "base"
    """Whisper model: a size (tiny, base, small, medium, large-v3, ...), a name on the Hugging Face hub, or a folder
    with a CTranslate2 model. A size that does not load is replaced by the next smaller one."""
    asr_compute_type: ComputeType = "auto"
    """Number format of the Whisper model; auto is float16 on a GPU that has it, int8 elsewhere."""
    asr_batch_size: Annotated[int, Field(ge=1)] = 8
    """Chunks that are transcribed at once; halved when the GPU's memory does not suffice."""
    asr_chunk_size: Annotated[float, Field(gt=0, le=30)] = 30
    """Longest chunk of speech given to Whisper, in seconds."""
    align_models: Mapping[str, str] = {
        "en": "WAV2VEC2_ASR_BASE_960H",
        "ko": "kresnik/wav2vec2-large-xlsr-korean",
        "ja": "jonatasgrosman/wav2vec2-large-xlsr-53-japanese",
        "zh": "jonatasgrosman/wav2vec2-large-xlsr-53-chinese-zh-cn",
    }
    """Alignment model per language, as JSON: torchaudio's name, a name on the hub, or a folder. A language without
    one gets word times interpolated inside its segments."""

    diarization_model: str = "pyannote/speaker-diarization-community-1"
    """pyannote pipeline for diarization: a folder, whose Python modules its checkpoints may name, or a name on the hub,
    which needs HF_TOKEN and accepted conditions."""
    emotion_models: Mapping[str, str] = {
        "en": "superb/wav2vec2-base-superb-er",
        "ko": "jungjongho/wav2vec2-xlsr-korean-speech-emotion-recognition",
    }
    """Audio classification model per language, as JSON; a language without one gets no `emotion`."""

    hf_token: SecretStr | None = None
    """Token for models on the Hugging Face hub."""
    nltk_data: str | None = None
    """Folder with NLTK's `tokenizers/punkt_tab`, with which sentences are split; without it a splitter that
    knows no abbreviations is used. Nothing is downloaded."""
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Longest time between two reports of a running job, in seconds."""
    progress_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Shortest time between two reports inside a stage, in seconds."""
    work_dir: Path | None = None
    """Folder for downloads while a job runs; the system's temporary folder without it."""
