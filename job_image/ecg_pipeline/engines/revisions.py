"""Models of the Hugging Face hub at a given revision, for libraries whose loaders take none."""

from faster_whisper.utils import download_model
from huggingface_hub import snapshot_download

_OTHER_FRAMEWORKS = ("*.msgpack", "*.h5", "*.onnx", "*.tflite")


def whisper_folder(name: str, revision: str | None, token: str | None) -> str:
    """Folder of a CTranslate2 model, a size or a name, at `revision`; `name` itself without one."""
    return str(download_model(name, revision=revision, use_auth_token=token)) if revision else name


def model_folder(name: str, revision: str | None, token: str | None) -> str:
    """Folder of a model for torch at `revision`; `name` itself without one."""
    if not revision:
        return name
    return str(snapshot_download(name, revision=revision, token=token, ignore_patterns=list(_OTHER_FRAMEWORKS)))
