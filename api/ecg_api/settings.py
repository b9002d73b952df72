"""Settings of the API server, read from the environment once, by the command line."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecg_callbacks.settings import BackendUrl
from ecg_callbacks.target import CallbackPolicy
from ecg_common.setting_types import GIB, CommaSeparated

KIB = 1024

SPECIFIED_ORIGINS = (
    "http://localhost:3000",
    "http://localhost:8000",
    "http://ecg-project-pipeline-dev-alb-1703405864.us-east-1.elb.amazonaws.com",
)


class Settings(BaseSettings):
    """The API server."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, env_ignore_empty=True)

    store: Literal["sqlite", "kubernetes"] = "sqlite"
    """Where jobs are kept and who works on them: this host itself, or VideoJobs and their operator in a cluster."""

    host: str = "127.0.0.1"
    """Address to listen on. The API asks for no password, so other machines reach it only when told so: by 0.0.0.0."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    """Port to listen on; 0 takes a free one."""

    backend_url: BackendUrl | None = None
    """Where callbacks go when a request names no `fastapi_base_url`; its origin is always allowed."""

    callback_allow: CommaSeparated = ()
    """Hosts and CIDRs, comma-separated, that callbacks may go to although they are private, or although
    CALLBACK_STRICT is set."""

    callback_strict: bool = False
    """Send callbacks to BACKEND_URL and CALLBACK_ALLOW alone, to no other public host."""

    callback_secret: SecretStr | None = None
    """Signs callbacks (Standard Webhooks, `webhook-signature`); unsigned without it."""

    cors_origins: CommaSeparated = SPECIFIED_ORIGINS
    """Origins, comma-separated, whose pages may call the API from a browser."""

    max_body_bytes: Annotated[int, Field(gt=0)] = 64 * KIB
    """Longest JSON body; longer ones are answered 413."""

    max_upload_bytes: Annotated[int, Field(gt=0)] = 2 * GIB
    """Longest upload to /transcribe; longer ones are answered 413."""

    transcribe_wait_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    """Seconds that /transcribe waits for its result before it gives up and cancels the job; with STORE=kubernetes also
    the longest time of its work, should nobody be left to cancel it."""

    log_file: Path | None = None
    """File that gets all log lines beside stderr, for example /logs/ml_server.log."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is logged."""

    @property
    def callback_policy(self) -> CallbackPolicy:
        return CallbackPolicy(self.callback_allow, self.callback_strict, self.backend_url)
