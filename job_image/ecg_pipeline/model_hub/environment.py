"""The model hub as the environment names it, by the variables of huggingface_hub."""

import os
from pathlib import Path

from ecg_pipeline.model_hub.cache import HubCache
from ecg_pipeline.model_hub.hub import ModelHub
from ecg_pipeline.model_hub.manifest import settings_digest
from ecg_pipeline.model_hub.pulled import PulledModels
from ecg_pipeline.settings import PipelineSettings

_ENDPOINT = "https://huggingface.co"


def model_hub(settings: PipelineSettings) -> ModelHub:
    """The hub that HF_ENDPOINT names, with the cache in HF_HUB_CACHE or HF_HOME."""
    token = settings.hf_token.get_secret_value() if settings.hf_token else _stored_token()
    cache = HubCache(_first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") or _home() / "hub")
    hub = ModelHub(endpoint(), cache, token, settings.hub_timeout_s, settings.hf_hub_offline)
    if settings.hf_hub_offline and settings.models_wait_s:
        hub.pulled = PulledModels(cache.root, settings_digest(settings), settings.models_wait_s)
    return hub


def endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or _ENDPOINT


def _home() -> Path:
    return _first("HF_HOME") or (_first("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"


def _stored_token() -> str | None:
    """The token of `hf auth login`."""
    try:
        return (_first("HF_TOKEN_PATH") or _home() / "token").read_text().strip() or None
    except (OSError, UnicodeError):
        return None


def _first(*names: str) -> Path | None:
    found = next(filter(None, map(os.environ.get, names)), None)
    return Path(os.path.expandvars(found)).expanduser() if found else None
