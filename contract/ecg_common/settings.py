"""Settings that several components read from the environment."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecg_common.setting_types import GIB, Seconds


class EnvironmentSettings(BaseSettings):
    """Read from the environment once and never changed; an attribute's docstring is its text in the documentation."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, env_ignore_empty=True)


class LogSettings(EnvironmentSettings):
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is logged."""


class LogFileSettings(LogSettings):
    log_file: Path | None = None
    """File that gets all log lines beside stderr, for example /logs/ml_server.log."""


class VideoSizeSettings(EnvironmentSettings):
    fetch_max_bytes: Annotated[int, Field(gt=0)] = 10 * GIB
    """Largest video, in bytes. While a standalone server has less space free, it downloads one video at a time."""


class AttemptSettings(EnvironmentSettings):
    """When a host ends an attempt, and whether it starts another one on the CPU."""

    job_deadline_s: Seconds = 14_400
    """Longest time of work on a job over all its attempts, in seconds, where the job names none."""
    heartbeat_lost_s: Seconds = 180
    """Silence of a running pipeline after which it is replaced, in seconds."""
    cpu_fallback: bool = True
    """Try a job again on the CPU when the GPU's memory is too small for it."""
