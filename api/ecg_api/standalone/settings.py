"""The standalone host's settings: where jobs are kept and how long they may take."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ecg_common.setting_types import Seconds
from ecg_common.settings import AttemptSettings


class StandaloneSettings(AttemptSettings):
    """The standalone host."""

    data_dir: Path = Path("data")
    """Folder of the job database, results and uploads; one server at a time uses it."""
    queue_limit: Annotated[int, Field(gt=0)] = 100
    """Jobs that may wait; more are answered 429."""
    job_ttl_s: Seconds = 24 * 3600
    """How long a finished job is kept after its last callback is settled."""
