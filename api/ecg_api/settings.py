"""Settings of the API server, read from the environment once, by the command line."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ecg_callbacks.settings import CallbackSettings
from ecg_common.setting_types import GIB, CommaSeparated
from ecg_common.settings import LogFileSettings

KIB = 1024
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

SPECIFIED_ORIGINS = (
    "http://localhost:3000",
    "http://localhost:8000",
    "http://ecg-project-pipeline-dev-alb-1703405864.us-east-1.elb.amazonaws.com",
)


def _checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin, such as https://app.example or http://localhost:3000, and not *"
            )
    return origins


class Settings(CallbackSettings, LogFileSettings):
    """The API server."""

    store: Literal["sqlite", "kubernetes"] = "sqlite"
    """Where jobs are kept and who works on them: this host itself, or VideoJobs and their operator in a cluster."""
    host: str = "127.0.0.1"
    """Address to listen on; other machines reach the API only when told so: by 0.0.0.0. See API_KEYS_FILE."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    """Port to listen on; 0 takes a free one."""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of the Prometheus metrics at the same address; 0 takes a free one, none serves none."""
    api_keys_file: Path | None = None
    """File of the keys that requests must have, made by `ecg key`; read again when it changes. Without it no key is
    asked for."""
    cors_origins: Annotated[CommaSeparated, AfterValidator(_checked_origins)] = SPECIFIED_ORIGINS
    """Origins, comma-separated, whose pages may call the API from a browser."""
    max_body_bytes: Annotated[int, Field(gt=0)] = 64 * KIB
    """Longest JSON body; longer ones are answered 413."""
    max_upload_bytes: Annotated[int, Field(gt=0)] = 2 * GIB
    """Longest upload to /transcribe; longer ones are answered 413."""
    max_uploads: Annotated[int, Field(gt=0)] = 3
    """Uploads to /transcribe that are received at a time; further ones are answered 429."""
    allowed_hosts: CommaSeparated = ()
    """Host names, comma-separated, that requests may name in `Host`; `*` allows all. Where it is empty, a server that
    listens on a loopback address takes loopback names alone, so that no page of the internet reaches it by a name that
    it points there; any other server takes all."""
    shutdown_delay_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Seconds after SIGTERM in which connections are still taken, while load balancers learn that it is not ready."""
    shutdown_grace_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    """Seconds after those in which open requests may end; what still waits is answered 503, and its job goes on."""
    transcribe_wait_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    """Seconds that /transcribe waits for its result before it gives up and cancels the job; with STORE=kubernetes also
    the longest time of its work, should nobody be left to cancel it."""
