"""What `ecg analyze` shows of the progress: English, or the specification's Korean where the locale is Korean."""

import os
from collections.abc import Mapping
from typing import Any

_DOWNLOADING = "모델 다운로드 중:"
_ENGLISH = {
    "download": "reading the media",
    "vad": "finding speech",
    "diarization": "telling speakers apart",
    "transcription": "transcribing",
    "emotion": "classifying emotions",
    "finalize": "putting the result together",
    "completed": "done",
}


def progress_message(status: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> str:
    """The message of a `PipelineStatus` in JSON."""
    message = str(status.get("message", ""))
    if _is_korean(environment):
        return message
    if message.startswith(_DOWNLOADING):
        return f"downloading a model:{message.removeprefix(_DOWNLOADING)}"
    return _ENGLISH.get(status["stage"], message)


def _is_korean(environment: Mapping[str, str]) -> bool:
    chosen = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return chosen.lower().startswith("ko")
