"""The pipeline's settings, read from the environment once at start and passed on from there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from ecg_common.setting_types import AllowedAddresses, CommaSeparated, Seconds
from ecg_common.settings import LogFileSettings, VideoSizeSettings
from ecg_contract.languages import Language

ComputeType = Literal["auto", "int8", "int8_float16", "int8_float32", "float16", "bfloat16", "float32"]

MAX_MEDIA_S = 43200.0


def _known_languages(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(names) - set(Language))
    if unknown:
        raise ValueError(f"{unknown[0]} is none of {', '.join(Language)}")
    return names


class FetchSettings(VideoSizeSettings):
    """Downloads and media."""

    fetch_allow: AllowedAddresses = ()
    """Hosts, host:port pairs and CIDRs, comma-separated, that videos may be downloaded from although their addresses
    are private, such as `10.0.0.0/8,media.internal,127.0.0.1:9000`."""
    fetch_connect_timeout_s: Seconds = 10.0
    """Seconds that making a connection may take."""
    fetch_stall_timeout_s: Seconds = 60.0
    """Seconds without a byte, or with fewer than 64 KiB, after which a download is tried again."""
    fetch_total_timeout_s: Seconds = 7200.0
    """Seconds that a download may take, tries and pauses included."""
    fetch_max_redirects: Annotated[int, Field(ge=0)] = 3
    """Redirects that are followed, each checked like the first address."""
    fetch_tries: Annotated[int, Field(ge=1)] = 3
    """Tries of a download that fails for reasons that may pass, with pauses of 1 s, 4 s, 16 s."""
    fetch_connections: Annotated[int, Field(ge=1, le=16)] = 4
    """Connections of one download of 32 MiB or more, where the server gives parts of a file; 1 never asks for parts."""
    s3_endpoint_url: str | None = None
    """Another S3 than Amazon's, or a VPC endpoint, such as `https://s3.internal:9000`."""
    s3_buckets: CommaSeparated = ()
    """Buckets, comma-separated, that videos may be read from; empty: all that the process's role may read, but for
    RESULTS_BUCKET."""
    results_bucket: str | None = None
    """Bucket of the results, from which no video is read unless S3_BUCKETS names it."""
    media_max_seconds: Seconds = MAX_MEDIA_S
    """Longest media, in seconds; each hour takes 230 MB of memory."""


class PipelineSettings(FetchSettings, LogFileSettings):
    """The pipeline process; inherits the settings of downloads and media."""

    asr_model: str = "base"
    """Whisper model: a size (tiny, base, small, medium, large-v3, ...), a name on the Hugging Face hub, or a folder
    with a CTranslate2 model."""
    asr_fallback: bool = True
    """Use the next smaller size of Whisper for a job when ASR_MODEL, a size, does not load; the result says so. False
    fails the job instead."""
    asr_compute_type: ComputeType = "auto"
    """Number format of the Whisper model; auto is float16 on a GPU that has it, int8 elsewhere."""
    asr_batch_size: Annotated[int, Field(ge=1)] = 8
    """Chunks that are transcribed at once; halved when the GPU's memory does not suffice."""
    asr_chunk_size: Annotated[float, Field(gt=0, le=30)] = 30
    """Longest chunk of speech given to Whisper, in seconds."""
    align_models: Mapping[str, str] = {
        "en": "facebook/wav2vec2-base-960h",
        "ko": "kresnik/wav2vec2-large-xlsr-korean",
        "ja": "jonatasgrosman/wav2vec2-large-xlsr-53-japanese",
        "zh": "jonatasgrosman/wav2vec2-large-xlsr-53-chinese-zh-cn",
    }
    """Alignment model per language, as JSON: torchaudio's name, a name on the hub, or a folder. A language without
    one gets word times interpolated inside its segments."""
    gpu_memory_limit_gb: Annotated[float, Field(gt=0)] | None = None
    """Most GiB of the GPU's memory that torch may take, so that others can share the GPU; without it all there is.
    CTranslate2, which runs Whisper, takes its own beside it."""
    gpu_side_by_side: bool = True
    """On a GPU, recognize speech and tell speakers apart at the same time where the memory suffices for both. False
    does one after the other."""
    diarization_model: str = "pyannote/speaker-diarization-community-1"
    """pyannote pipeline for diarization: a folder, whose Python modules its checkpoints may name, or a name on the hub,
    which needs HF_TOKEN and accepted conditions."""
    emotion_models: Mapping[str, str] = {
        "en": "superb/wav2vec2-base-superb-er",
        "ko": "jungjongho/wav2vec2-xlsr-korean-speech-emotion-recognition",
    }
    """Audio classification model per language, as JSON; a language without one gets no `emotion`."""
    model_revisions: Mapping[str, str] = {}
    """Revision per model of the Hugging Face hub, as JSON: a commit, which never changes, or a branch or tag, such as
    `{"large-v3": "<commit>"}`. Names are those of the other settings; where a name is absent, the revision that was
    the newest when the model was downloaded."""
    hf_token: SecretStr | None = None
    """Token for models on the Hugging Face hub."""
    hf_hub_offline: bool = False
    """Take models from the cache alone. The hub is asked only for what the cache lacks in any case."""
    models_wait_s: Annotated[float, Field(ge=0)] = 0.0
    """With HF_HUB_OFFLINE, seconds that a job waits for a model that another process downloads into the same cache
    (`ecg models pull`). It does not wait once that process has ended."""
    hub_timeout_s: Annotated[float, Field(gt=0, le=15)] = 10.0
    """Seconds without a byte from the model hub after which a request is tried again; after two and a half times as
    long the model counts as not loaded."""
    eager_models: bool = True
    """On one machine: load the models when the server starts, which is ready after that. False loads them with the
    first job."""
    warm_languages: Annotated[CommaSeparated, Field(max_length=2), AfterValidator(_known_languages)] = ()
    """Languages, two at most, whose alignment and emotion models are loaded before the first job, comma-separated; the
    first two of ALIGN_MODELS without it."""
    nltk_data: str | None = None
    """Folder with NLTK's `tokenizers/punkt_tab`, with which sentences are split; without it a splitter that
    knows no abbreviations is used. Nothing is downloaded."""
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Longest time between two reports of a running job, in seconds."""
    progress_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Shortest time between two reports inside a stage, in seconds."""
    work_dir: Path | None = None
    """Folder for temporary files while a job runs, in a pod for its download, too; the system's temporary folder
    without it, on one machine DATA_DIR's."""
