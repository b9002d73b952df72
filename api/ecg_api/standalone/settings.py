"""The standalone host's settings: where jobs are kept and how long they may take."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecg_common.setting_types import Seconds


class StandaloneSettings(BaseSettings):
    """The standalone host."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, env_ignore_empty=True)

    data_dir: Path = Path("data")
    """Folder of the job database, results and uploads; one server at a time uses it."""

    queue_limit: Annotated[int, Field(gt=0)] = 100
    """Jobs that may wait; more are answered 429."""

    job_deadline_s: Seconds = 4 * 3600
    """Longest time of work on a job, over all its attempts."""

    heartbeat_lost_s: Seconds = 180
    """Silence of the pipeline process after which it is taken for hung and replaced."""

    job_ttl_s: Seconds = 24 * 3600
    """How long a finished job is kept after its last callback is settled."""

    cpu_fallback: bool = True
    """Try a job again on the CPU when the GPU's memory is too small for it."""
